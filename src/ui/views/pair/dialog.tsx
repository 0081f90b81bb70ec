/** Pairing: the way for two people with two screens first, the way for machines without one beside it. */

import { useState } from "preact/hooks";
import type { Desk } from "../../desk.ts";
import type { Model } from "../../model.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { ByCode } from "./by-code.tsx";
import { Invite, Redeem } from "./by-invite.tsx";

const WAYS = [
  { id: "code", label: "By code" },
  { id: "invite", label: "Invite" },
  { id: "redeem", label: "I have an invite" },
] as const;

interface PairDialogProps {
  readonly desk: Desk;
  readonly model: Model;
  /** Whom to pair with; null for anybody who comes. */
  readonly peer: string | null;
  readonly onClose: () => void;
}

export function PairDialog({ desk, model, peer, onClose }: PairDialogProps) {
  const [way, setWay] = useState<(typeof WAYS)[number]["id"]>("code");
  return (
    <Dialog title="Pair a device" onClose={onClose}>
      <fieldset class="ways">
        <legend class="unseen">How to pair</legend>
        {WAYS.map(({ id, label }) => (
          <label key={id}>
            <input type="radio" name="way" checked={way === id} onChange={() => setWay(id)} />
            <span>{label}</span>
          </label>
        ))}
      </fieldset>
      {way === "code" ? <ByCode desk={desk} self={model.self} peer={peer} onClose={onClose} /> : null}
      {way === "invite" ? <Invite devices={model.devices} /> : null}
      {way === "redeem" ? <Redeem desk={desk} onClose={onClose} /> : null}
    </Dialog>
  );
}
