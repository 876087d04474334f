// Set the chosen theme, if it is not the system's, before anything is painted.
try {
  document.documentElement.dataset.theme = localStorage.getItem("theme") || "";
} catch {
  // Storage is switched off: the system's theme stays.
}
