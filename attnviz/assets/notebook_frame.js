((frame) => {
  // Tells the page in its frame whether the notebook around is dark, now and when that changes: JupyterLab and VS Code
  // say so in marks of their own; elsewhere the ground behind the cell does. The page tells how high it is, once it has
  // heard that. Runs as the frame's onload.
  const tell = () => {
    const { body } = document;
    let dark;
    if (body.dataset.jpThemeLight) dark = body.dataset.jpThemeLight === 'false';
    else if (/vscode-/.test(body.className)) dark = /vscode-dark|vscode-high-contrast(?!-light)/.test(body.className);
    else {
      for (let around = frame; around; around = around.parentElement) {
        const [red, green, blue, opaque = 1] = (getComputedStyle(around).backgroundColor.match(/[\d.]+/g) || []).map(Number);
        if (blue !== undefined && opaque > 0.5) { dark = 0.2126 * red + 0.7152 * green + 0.0722 * blue < 128; break; }
      }
    }
    if (frame.contentWindow) frame.contentWindow.postMessage({ attnvizDark: dark }, '*');
  };
  const most = frame.clientHeight; // what was asked for; a page that needs less takes less (an onload's own addEventListener is the frame's)
  window.addEventListener('message', ({ source, data }) => {
    if (source === frame.contentWindow && data && data.attnvizHeight > 0) frame.style.height = `${Math.min(most, data.attnvizHeight)}px`;
  });
  tell();
  [document.body, document.documentElement].forEach((one) => new MutationObserver(tell).observe(one, { attributes: true }));
})(this)
