// Gives the reference the reader's colours, and follows when they change.
// RapiDoc takes colours as attributes, so a stylesheet cannot do it.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const colours = {
  light: { theme: "light", "bg-color": "#ffffff", "text-color": "#1d2433", "nav-bg-color": "#f4f6fb", "primary-color": "#1f5fbf" },
  dark: { theme: "dark", "bg-color": "#14181f", "text-color": "#e6e9f0", "nav-bg-color": "#1b212b", "primary-color": "#8ab8ff" },
};

function paint() {
  const reference = document.querySelector("rapi-doc");
  for (const [name, value] of Object.entries(colours[dark.matches ? "dark" : "light"])) {
    reference.setAttribute(name, value);
  }
}

dark.addEventListener("change", paint);
paint();
