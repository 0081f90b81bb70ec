/** What has ended, in both directions. */

import type { HistoryView as Line } from "../../control/schema.ts";
import { call } from "../api.ts";
import { Icon } from "../parts/icon.tsx";
import { wallNow } from "../time.ts";
import { counted, duration, long, name, sentence, size, whatOf, when } from "../words.ts";
import type { ViewProps } from "./home.tsx";
import { Listing } from "./listing.tsx";

const AT_FIRST = 100;

export function HistoryView({ model }: ViewProps) {
  return (
    <Listing
      title="History"
      empty="Nothing has been sent or received yet."
      atFirst={AT_FIRST}
      cause={model.endings}
      read={async (limit) => (await call("get", "/v1/history", { query: { limit } })).history}
      row={(line) => <Ended key={`${line.id}/${line.at}`} line={line} />}
    />
  );
}

const RESULTS = {
  out: { done: "Delivered", failed: "Failed", cancelled: "Cancelled" },
  in: { done: "Received", failed: "Failed", cancelled: "Cancelled" },
} as const;

function detailOf({ result, error, peer }: Line): string {
  if (result === "failed" && error !== null) return `: ${sentence(error.message)}`;
  return result === "cancelled" && error?.code === "E_CANCELLED_BY_PEER" ? ` by ${name(peer.name)}` : "";
}

function Ended({ line }: { readonly line: Line }) {
  const { direction, peer, result, bytes, entries, at, ms, note, hook } = line;
  return (
    <li class={`row ${result}`}>
      <span class="badge">
        <Icon name={direction} />
      </span>
      <div class="body">
        <h3>
          {whatOf(line)}{" "}
          <span class="party">
            {direction === "out" ? "to" : "from"} {name(peer.name)}
          </span>
        </h3>
        <p class="state">
          {RESULTS[direction][result]}
          {detailOf(line)}
        </p>
        {note === null ? null : <blockquote>{long(note)}</blockquote>}
        {hook?.state === "failed" ? <p class="hint">The program for what arrives has failed</p> : null}
        <p class="figures">
          <span>{size(bytes)}</span>
          <span>{counted(entries, "item")}</span>
          <span>{ms < 1_000 ? "" : duration(ms)}</span>
          <time dateTime={at}>{when(at, wallNow())}</time>
        </p>
      </div>
    </li>
  );
}
