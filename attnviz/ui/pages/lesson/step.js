// A new step begins at its head: the screen scrolls there, and those who use keys or a screen reader go on from there.
const seen = (window.attnvizLesson ??= { step: null });

export default function ({ data }) {
  const before = seen.step;
  seen.step = data.step;
  if (before === null || before === data.step) return;
  setTimeout(() => {
    const head = document.getElementById("lesson-step");
    head?.focus({ preventScroll: true });
    head?.scrollIntoView({ block: "center" });
  }, 150);
}
