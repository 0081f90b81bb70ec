/** What a user of the page does, as a browser sees it: picks files in a dialog, drags them, reads rows. */

import type { Locator, Page } from "playwright-core";

/** Presses the button and picks `paths`, files or one folder, in the dialog that it opens. */
export async function pick(page: Page, button: string, paths: readonly string[]): Promise<void> {
  const [dialog] = await Promise.all([
    page.waitForEvent("filechooser"),
    page.getByRole("button", { name: button }).click(),
  ]);
  await dialog.setFiles([...paths]);
}

/** Drags files and folders of the machine from outside over the browser to `target`, and drops them there. */
export async function drop(page: Page, target: Locator, paths: readonly string[]): Promise<void> {
  await target.scrollIntoViewIfNeeded();
  const box = await target.boundingBox();
  if (box === null) throw new Error("what is dropped on cannot be seen");
  const session = await page.context().newCDPSession(page);
  const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const data = { items: [], files: [...paths], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const) {
    await session.send("Input.dispatchDragEvent", { type, ...at, data });
  }
  await session.detach();
}

/** The card of a device. */
export function card(page: Page, name: string): Locator {
  return page.locator(".card").filter({ has: page.getByRole("heading", { name, exact: true }) });
}

/** The rows of a list that tell of something of that name. */
export function rows(page: Page, name: string): Locator {
  return page.locator(".row").filter({ has: page.getByRole("heading", { name }) });
}

export function go(page: Page, place: string): Promise<void> {
  return page.getByRole("link", { name: place, exact: true }).click();
}
