/** What arrived and is still in the inbox. */

import type { InboxView } from "../../control/schema.ts";
import { call, contentAddress } from "../api.ts";
import { CopyButton } from "../parts/copy-button.tsx";
import { Icon } from "../parts/icon.tsx";
import { wallNow } from "../time.ts";
import { long, name, size, when } from "../words.ts";
import type { ViewProps } from "./home.tsx";
import { Listing } from "./listing.tsx";

const AT_FIRST = 100;

export function ReceivedView({ model }: ViewProps) {
  return (
    <Listing
      title="Received"
      empty="Nothing that was received is in the inbox."
      atFirst={AT_FIRST}
      cause={model.endings}
      read={async (limit) => (await call("get", "/v1/inbox", { query: { limit } })).items}
      row={(item) => <Received key={`${item.transfer}/${item.item}/${item.at}`} item={item} />}
    />
  );
}

function Received({ item }: { readonly item: InboxView }) {
  const { name: raw, type, bytes, from, at, path, transfer } = item;
  const title = name(raw);
  return (
    <li class="row">
      <span class="badge">
        <Icon name={type} />
      </span>
      <div class="body">
        <h3>{title}</h3>
        <p class="figures">
          <span>{bytes === null ? "" : size(bytes)}</span>
          <span>from {name(from.name)}</span>
          <time dateTime={at}>{when(at, wallNow())}</time>
        </p>
        <p class="path">
          <code>{long(path)}</code>
        </p>
      </div>
      <p class="actions">
        <CopyButton text={path} label={`Copy path of ${title}`}>
          Copy path
        </CopyButton>
        {type === "file" ? (
          <a class="button" href={contentAddress(transfer, item.item)} download={raw} aria-label={`Download ${title}`}>
            Download
          </a>
        ) : null}
      </p>
    </li>
  );
}
