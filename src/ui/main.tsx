/** Puts the page together. */

import { render } from "preact";
import { Desk } from "./desk.ts";
import { App } from "./views/app.tsx";

const root = document.getElementById("page");
const desk = new Desk();
void desk.follow(new AbortController().signal); // for as long as the page is open
if (root !== null) {
  root.replaceChildren();
  render(<App desk={desk} />, root);
}
