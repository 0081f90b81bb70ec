/** Pairing by an invite: a text, or a picture of it, that lets one other device in. */

import { useMemo, useRef, useState } from "preact/hooks";
import { encode } from "uqr";
import type { DeviceView } from "../../../control/schema.ts";
import { call, problemOf } from "../../api.ts";
import type { Desk } from "../../desk.ts";
import { CopyButton } from "../../parts/copy-button.tsx";
import { useLoaded, useNow } from "../../parts/hooks.ts";
import { Icon } from "../../parts/icon.tsx";
import { duration, name, sentence } from "../../words.ts";

/** Modules left free on each side (ISO/IEC 18004 section 6.3.8). */
const QUIET_ZONE = 4;

export function Invite({ devices }: { readonly devices: readonly DeviceView[] }) {
  const { value: invite, problem, reload } = useLoaded(() => call("post", "/v1/invites", { json: {} }), []);
  const [before] = useState(() => new Set(devices.map(({ id }) => id)));
  const now = useNow();
  const newcomer = devices.find(({ id }) => !before.has(id));
  if (newcomer !== undefined) {
    return (
      <p class="result good" role="status">
        <Icon name="good" /> Paired with <strong>{name(newcomer.name)}</strong>
      </p>
    );
  }
  if (problem !== undefined) return <p class="result bad">{`No invite: ${sentence(problem.message)}`}</p>;
  if (invite === undefined) return <p class="result">Making an invite …</p>;
  const left = Date.parse(invite.expiresAt) - now;
  if (left <= 0) {
    return (
      <div class="result">
        <p>This invite has expired.</p>
        <button type="button" class="primary" onClick={reload}>
          Make another one
        </button>
      </div>
    );
  }
  return (
    <section class="invite">
      <p>
        On the other device choose <em>I have an invite</em>, or run <code>lanxferctl pair --invite -</code>, and give
        it this. Whoever has it can pair, once.
      </p>
      {/* In capitals it takes fewer modules, and the case of an invite means nothing. */}
      <QrCode text={invite.text.toUpperCase()} />
      <label>
        <span>Invite</span>
        <textarea readOnly rows={3} value={invite.text} onFocus={(event) => event.currentTarget.select()} />
      </label>
      <p class="line">
        <span class="hint">Good for {duration(left)}</span>
        <CopyButton text={invite.text} label="Copy the invite">
          Copy
        </CopyButton>
      </p>
    </section>
  );
}

function QrCode({ text }: { readonly text: string }) {
  const { size, path } = useMemo(() => {
    const { data, size: modules } = encode(text, { border: QUIET_ZONE, boostEcc: true });
    const dark = data.flatMap((row, y) => row.flatMap((isDark, x) => (isDark ? [`M${x} ${y}h1v1h-1z`] : [])));
    return { size: modules, path: dark.join("") };
  }, [text]);
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label="QR code of the invite">
      <path d={path} shape-rendering="crispEdges" />
    </svg>
  );
}

export function Redeem({ desk, onClose }: { readonly desk: Desk; readonly onClose: () => void }) {
  const input = useRef<HTMLTextAreaElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [complaint, setComplaint] = useState("");
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setComplaint("");
    try {
      const invite = (input.current?.value ?? "").trim();
      const device = await call("post", "/v1/pairings", { json: { invite } });
      desk.notice("good", `Paired with ${name(device.name)}`);
      await desk.refresh();
      onClose();
    } catch (error) {
      setComplaint(`Not paired: ${sentence(problemOf(error).message)}`);
      setBusy(false);
    }
  };
  return (
    <form class="invite" onSubmit={submit}>
      <label>
        <span>Invite of the other device</span>
        <textarea
          ref={input}
          rows={3}
          required
          autocomplete="off"
          spellcheck={false}
          aria-describedby="redeem-complaint"
        />
      </label>
      <p id="redeem-complaint" class="complaint" role="status">
        {complaint}
      </p>
      <button type="submit" class="primary" disabled={isBusy}>
        {isBusy ? "Pairing …" : "Pair"}
      </button>
    </form>
  );
}
