// Before the first paint, so that a chosen theme and language never flash. Its own file: the page's policy forbids inline scripts.
try {
  const theme = localStorage.getItem('storewarden.theme')
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
} catch {
  // Storage may be forbidden; the system's theme then stands.
}
