// Pictures of the open head and of all heads as PNG or SVG: what Plotly's own camera does, asked for one of the two.
export default function ({ parentElement, data }) {
  const root = parentElement.querySelector(".take");
  const button = (label, act) => {
    const made = document.createElement("button");
    made.textContent = label;
    made.onclick = () => act(made);
    return made;
  };
  // The grid has no camera of its own, and any chart's can be told which chart to take.
  const camera = () => [...document.querySelectorAll(".js-plotly-plot")]
    .flatMap((chart) => chart._fullLayout?._modeBar?.buttons?.flat() ?? [])
    .find((one) => one.name === "toImage");
  const picture = ({ chart, name, format }) => () => {
    const taken = document.querySelector(`.${CSS.escape(chart)} .js-plotly-plot`);
    const taking = camera();
    if (!taken || !taking) return;
    const own = taken._context.toImageButtonOptions;  // the camera's, which it shall have again
    taken._context.toImageButtonOptions = { format, filename: name, scale: format === "svg" ? 1 : 3 };
    taking.click(taken);  // reads them at once
    taken._context.toImageButtonOptions = own;
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
    ...data.pictures.map((one) => button(one.label, picture(one))),
    button(data.words.link_copy, copy),
  );
}
