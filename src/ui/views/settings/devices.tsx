/** The paired devices: their names here, what happens to what they send, and the end of the trust in one. */

import { useState } from "preact/hooks";
import type { DeviceView, Policy } from "../../../control/schema.ts";
import { call } from "../../api.ts";
import type { Desk } from "../../desk.ts";
import { Dialog } from "../../parts/dialog.tsx";
import { wallNow } from "../../time.ts";
import { name, when } from "../../words.ts";

const POLICIES: readonly (readonly [Policy, string])[] = [
  ["auto", "Take what it sends"],
  ["ask", "Ask me first"],
  ["block", "Refuse what it sends"],
];

export function Devices({ desk, devices }: { readonly desk: Desk; readonly devices: readonly DeviceView[] }) {
  return (
    <section class="group" aria-label="Paired devices">
      <h2>Paired devices</h2>
      {devices.length === 0 ? <p class="empty">No device is paired.</p> : null}
      <ul class="rows">
        {devices.map((device) => (
          <Device key={device.id} desk={desk} device={device} />
        ))}
      </ul>
    </section>
  );
}

function Device({ desk, device }: { readonly desk: Desk; readonly device: DeviceView }) {
  const [isLeaving, setLeaving] = useState(false);
  const title = name(device.name);
  const param = { device: device.id };
  const change = async (patch: { readonly name?: string; readonly policy?: Policy }, said: string) => {
    await desk.attempt(() => call("patch", "/v1/devices/:device", { param, json: patch }), said);
    await desk.refresh();
  };
  const unpair = async () => {
    setLeaving(false);
    await desk.attempt(() => call("delete", "/v1/devices/:device", { param }), `${title} is not paired any more`);
    await desk.refresh();
  };
  return (
    <li class="row device">
      <div class="body">
        <input
          key={device.name}
          aria-label={`Name of ${title} on this machine`}
          value={device.name}
          onChange={(event) => void change({ name: event.currentTarget.value }, "Saved")}
        />
        <p class="hint">
          <code>{device.short}</code>, paired {when(device.pairedAt, wallNow())}
        </p>
      </div>
      <p class="actions">
        <select
          aria-label={`What happens to what ${title} sends`}
          value={device.policy}
          onChange={(event) => {
            const chosen = POLICIES.find(([policy]) => policy === event.currentTarget.value);
            if (chosen !== undefined) void change({ policy: chosen[0] }, "Saved");
          }}
        >
          {POLICIES.map(([policy, label]) => (
            <option key={policy} value={policy}>
              {label}
            </option>
          ))}
        </select>
        <button type="button" aria-label={`Unpair ${title}`} onClick={() => setLeaving(true)}>
          Unpair
        </button>
      </p>
      {isLeaving ? (
        <Dialog title={`Unpair ${title}?`} onClose={() => setLeaving(false)}>
          <p>It can send nothing to this device any more, and what waits to be sent to it is given up.</p>
          <p class="actions">
            <button type="button" class="danger" onClick={unpair}>
              Unpair
            </button>
            <button type="button" onClick={() => setLeaving(false)}>
              Keep
            </button>
          </p>
        </Dialog>
      ) : null}
    </li>
  );
}
