// Runs before the first paint, so that a person's own text size, theme and contrast never flash or shift. The cookies
// are the ones the server reads; pages from a shared cache carry none of them.
for (const [name, values] of [["theme", "light dark"], ["contrast", "more normal"], ["size", "s m l xl"], ["density", "roomy compact"]]) {
  const found = document.cookie.match(new RegExp(`(?:^|; )${name}=([a-z]+)`));
  if (found && values.split(" ").includes(found[1])) document.documentElement.dataset[name] = found[1];
}
document.documentElement.dataset.script = "on";
