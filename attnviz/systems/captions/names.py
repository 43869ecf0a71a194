"""The things that a scene is made of, with their names in both languages and their Chinese measure words.

Chosen before anything was measured, out of Noto's emoji with one short everyday name in each language: what can be
told from a drawing of 24 pixels, and no two that are one thing drawn twice. The names are emojibase's, but for a few
that are said otherwise in a sentence (car for automobile, 乌龟 for 龟, 螃蟹 for 蟹, 雪人 for 雪与雪人, 鸡蛋 for 蛋).
"""

from __future__ import annotations

from dataclasses import dataclass

TABLE = """
1F412 monkey 猴子 只|1F415 dog 狗 只|1F98A fox 狐狸 只|1F408 cat 猫 只|1F981 lion 狮子 头
1F405 tiger 老虎 只|1F40E horse 马 匹|1F993 zebra 斑马 匹|1F404 cow 奶牛 头|1F416 pig 猪 头
1F418 elephant 大象 头|1F407 rabbit 兔子 只|1F43C panda 熊猫 只|1F414 chicken 鸡 只|1F427 penguin 企鹅 只
1F986 duck 鸭子 只|1F989 owl 猫头鹰 只|1F438 frog 青蛙 只|1F422 turtle 乌龟 只|1F40D snake 蛇 条
1F409 dragon 龙 条|1F40B whale 鲸鱼 头|1F41F fish 鱼 条|1F419 octopus 章鱼 只|1F980 crab 螃蟹 只
1F40C snail 蜗牛 只|1F98B butterfly 蝴蝶 只|1F577 spider 蜘蛛 只|1F339 rose 玫瑰 朵|1F33B sunflower 向日葵 朵
1F337 tulip 郁金香 朵|1F335 cactus 仙人掌 棵|1F344 mushroom 蘑菇 朵|1F349 watermelon 西瓜 块|1F34B lemon 柠檬 个
1F34C banana 香蕉 根|1F34D pineapple 菠萝 个|1F350 pear 梨 个|1F353 strawberry 草莓 颗|1F345 tomato 西红柿 个
1F955 carrot 胡萝卜 根|1F354 hamburger 汉堡 个|1F355 pizza 披萨 块|1F95A egg 鸡蛋 个|1F36A cookie 饼干 块
1F36C candy 糖 颗|1F3E0 house 房子 座|26FA tent 帐篷 顶|1F686 train 火车 列|1F68C bus 公交车 辆
1F697 car 汽车 辆|1F69C tractor 拖拉机 辆|1F6B2 bicycle 自行车 辆|1F6A2 ship 船 艘|2708 airplane 飞机 架
1F681 helicopter 直升机 架|1F680 rocket 火箭 枚|2600 sun 太阳 个|2B50 star 星星 颗|2601 cloud 云 朵
1F308 rainbow 彩虹 道|2602 umbrella 伞 把|2603 snowman 雪人 个|1F451 crown 皇冠 顶|1F48D ring 戒指 枚
1F514 bell 铃铛 个|1F3B8 guitar 吉他 把|1F3BB violin 小提琴 把|1F941 drum 鼓 面|260E telephone 电话 部
1F4F7 camera 相机 台|1F511 key 钥匙 把|1F528 hammer 锤子 把|1F6AA door 门 扇|1F6CF bed 床 张
1FA91 chair 椅子 把|1F388 balloon 气球 个|1F3C0 basketball 篮球 个|1FA81 kite 风筝 只|2709 envelope 信封 个
"""
ALONE = (  # never trained on with others
    "tiger", "duck", "owl", "strawberry", "train", "umbrella", "guitar", "balloon",
)  # fmt: skip
LANGUAGES = ("zh", "en")


@dataclass(frozen=True)
class Thing:
    """One of them: its code point in hexadecimal, its names, and what it is counted with in Chinese."""

    code: str
    en: str
    zh: str
    measure: str

    def named(self, language: str) -> str:
        """Its name in a language."""
        return self.zh if language == "zh" else self.en

    @property
    def sign(self) -> str:
        """The emoji itself."""
        return chr(int(self.code, 16))

    @property
    def article(self) -> str:
        """The English indefinite article before its name."""
        return "an" if self.en[0] in "aeiou" else "a"


THINGS = tuple(Thing(*one.split()) for line in TABLE.split("\n") for one in line.split("|") if one)
BY_NAME = {one.en: number for number, one in enumerate(THINGS)}
