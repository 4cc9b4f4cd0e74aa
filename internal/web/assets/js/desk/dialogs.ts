/**
 * A link with data-dialog opens the dialog of that id in place of its page; data-close and a press beside the dialog
 * close it, as Esc does by itself. data-open shows it again after the server found an error in it.
 */
export function dialogs(): void {
  document.addEventListener("click", (event) => {
    const target = event.target as HTMLElement;
    const opener = target.closest<HTMLElement>("[data-dialog]");
    const dialog = opener && document.getElementById(opener.dataset.dialog!);
    if (dialog instanceof HTMLDialogElement && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      return dialog.showModal();
    }
    const open = target.closest<HTMLDialogElement>("dialog[open]");
    if (open && (target === open || target.closest("[data-close]"))) {
      event.preventDefault();
      open.close();
    }
  });
  document.querySelector<HTMLDialogElement>("dialog[data-open]")?.showModal();
}
