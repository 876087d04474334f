// Before anything is painted: the appearance that was chosen here, where it is not the system's.
try {
  document.documentElement.dataset.theme = localStorage.getItem("theme") || "";
} catch {
  // Storage is switched off: the system's appearance it is.
}
