/** What others want to send, and the answer to it. */

import type { OfferView } from "../../control/schema.ts";
import { call } from "../api.ts";
import type { Desk } from "../desk.ts";
import { Icon } from "../parts/icon.tsx";
import { counted, long, name, size, what } from "../words.ts";

const MOST_NAMES = 5;

export function Offers({ desk, offers }: { readonly desk: Desk; readonly offers: readonly OfferView[] }) {
  return (
    <div class="offers" aria-live="polite">
      {offers.map((offer) => (
        <Offer key={offer.id} desk={desk} offer={offer} />
      ))}
    </div>
  );
}

function Offer({ desk, offer }: { readonly desk: Desk; readonly offer: OfferView }) {
  const { from, items, entries, bytes, note } = offer;
  const names = items.map((item) => item.name);
  const param = { id: offer.id };
  const accept = (pair: boolean) =>
    desk.attempt(async () => {
      await call("post", "/v1/offers/:id/accept", { param, json: { pair } });
      await desk.refresh();
    });
  const decline = () => desk.attempt(() => call("post", "/v1/offers/:id/decline", { param }));
  const label = what(names);
  return (
    <article class="offer">
      <h2>
        <Icon name="in" /> {from.unpaired === undefined ? name(from.name) : `“${name(from.unpaired.claims)}”`} wants to
        send you {label}
      </h2>
      {from.unpaired === undefined ? null : (
        <p class="careful">
          This device ({from.unpaired.short}) is not paired: nobody has checked who it is.
          {from.unpaired.namesake === null ? "" : ` It is not your ${name(from.unpaired.namesake)}.`}
        </p>
      )}
      {note === null ? null : <blockquote>{long(note)}</blockquote>}
      {names.length === 1 ? null : (
        <ul class="names">
          {names.slice(0, MOST_NAMES).map((each, i) => (
            <li key={i}>
              <Icon name={items[i]?.type ?? "file"} /> {name(each)}
            </li>
          ))}
          {names.length > MOST_NAMES ? <li>and {counted(names.length - MOST_NAMES, "other")}</li> : null}
        </ul>
      )}
      <p class="figures">
        {size(bytes)} in {counted(entries, "item")}
      </p>
      <p class="actions">
        <button type="button" class="primary" onClick={() => accept(false)} aria-label={`Accept ${label}`}>
          Accept
        </button>
        {from.unpaired === undefined ? null : (
          <button type="button" onClick={() => accept(true)}>
            Accept and pair
          </button>
        )}
        <button type="button" onClick={decline} aria-label={`Decline ${label}`}>
          Decline
        </button>
      </p>
    </article>
  );
}
