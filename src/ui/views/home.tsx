/** Who is there, what is offered to us, and what goes back and forth. */

import { useState } from "preact/hooks";
import type { Desk } from "../desk.ts";
import { cardsOf, type Model } from "../model.ts";
import { Icon } from "../parts/icon.tsx";
import { counted } from "../words.ts";
import { DeviceCard } from "./device-card.tsx";
import { Offers } from "./offers.tsx";
import { PairDialog } from "./pair/dialog.tsx";
import { Transfers } from "./transfers.tsx";

/** More devices that are not paired are not shown before somebody wants to see them. */
const FEW = 6;

export interface ViewProps {
  readonly desk: Desk;
  readonly model: Model;
}

export function HomeView({ desk, model }: ViewProps) {
  /** Whom to pair with; null for anybody, undefined while nobody wants to pair. */
  const [pairing, setPairing] = useState<string | null | undefined>(undefined);
  const cards = cardsOf(model);
  const paired = cards.filter((card) => card.paired);
  const others = cards.filter((card) => !card.paired);
  const list = (some: typeof cards) => (
    <ul class="cards">
      {some.map((card) => (
        <DeviceCard key={card.id} card={card} desk={desk} onPair={() => setPairing(card.id)} />
      ))}
    </ul>
  );
  return (
    <>
      <Offers desk={desk} offers={[...model.offers.values()]} />
      <section aria-labelledby="devices-heading">
        <header class="line">
          <h2 id="devices-heading">Your devices</h2>
          <button type="button" onClick={() => setPairing(null)}>
            <Icon name="add" /> Pair a device
          </button>
        </header>
        {paired.length === 0 ? <p class="empty">{EMPTY}</p> : list(paired)}
      </section>
      <Transfers desk={desk} model={model} />
      {others.length === 0 ? null : (
        <section aria-labelledby="others-heading">
          <h2 id="others-heading">Others on this network</h2>
          {others.length <= FEW ? (
            list(others)
          ) : (
            <details>
              <summary>{counted(others.length, "device")} that you have not paired</summary>
              {list(others)}
            </details>
          )}
        </section>
      )}
      {pairing === undefined ? null : (
        <PairDialog desk={desk} model={model} peer={pairing} onClose={() => setPairing(undefined)} />
      )}
    </>
  );
}

const EMPTY =
  "No device is paired yet. Start lanxfer on another machine of this network, then pair the two: from then on you send by dropping files onto its name.";
