// PNG and SVG of the open head: Plotly's own camera, asked for one format or the other.
export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".take");
  const button = (label, act) => {
    const made = document.createElement("button");
    made.textContent = label;
    made.onclick = () => act(made);
    return made;
  };
  const picture = (format) => () => {
    const chart = document.querySelector(`.${CSS.escape(data.chart)} .js-plotly-plot`);
    const camera = chart && chart.querySelector(".modebar-btn");
    if (!camera) return;
    const own = chart._context.toImageButtonOptions;  // the camera's, which it shall have again
    chart._context.toImageButtonOptions = { format, filename: data.name, scale: format === "svg" ? 1 : 3 };
    camera.click();  // reads them at once
    chart._context.toImageButtonOptions = own;
  };
  const copy = async (made) => {
    const field = document.createElement("textarea");
    field.value = window.location.href;
    document.body.append(field);
    field.select();
    if (navigator.clipboard && window.isSecureContext) await navigator.clipboard.writeText(field.value);
    else document.execCommand("copy");
    field.remove();
    made.textContent = data.words.link_copied;
    setTimeout(() => (made.textContent = data.words.link_copy), 1500);
  };
  root.replaceChildren(
    button(data.words.png, picture("png")),
    button(data.words.svg, picture("svg")),
    button(data.words.link_copy, copy),
  );
}
