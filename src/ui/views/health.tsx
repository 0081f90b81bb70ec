/** How the daemon is doing, and what its doctor finds. */

import type { FindingView, StatusView } from "../../control/schema.ts";
import { call } from "../api.ts";
import { useLoaded } from "../parts/hooks.ts";
import { Icon } from "../parts/icon.tsx";
import { wallNow } from "../time.ts";
import { capital, count, long, name, sentence, size, when } from "../words.ts";

const LOOKS = {
  ok: { icon: "good", word: "Fine" },
  warning: { icon: "bad", word: "Warning" },
  problem: { icon: "bad", word: "Problem" },
  unchecked: { icon: "history", word: "Not checked" },
} as const;

const WORST_FIRST = ["problem", "warning", "unchecked", "ok"] as const;

export function HealthView() {
  const status = useLoaded(() => call("get", "/v1/status", {}), []);
  const doctor = useLoaded(() => call("get", "/v1/doctor", {}), []);
  const again = () => {
    status.reload();
    doctor.reload();
  };
  const findings = [...(doctor.value?.findings ?? [])].sort(
    (a, b) => WORST_FIRST.indexOf(a.state) - WORST_FIRST.indexOf(b.state),
  );
  const problem = status.problem ?? doctor.problem;
  return (
    <>
      <section aria-labelledby="status-heading">
        <h2 id="status-heading">Status</h2>
        {status.value === undefined ? null : <Facts status={status.value} />}
      </section>
      <section aria-labelledby="findings-heading" aria-busy={doctor.busy}>
        <header class="line">
          <h2 id="findings-heading">What transfers depend on</h2>
          <button type="button" onClick={again} disabled={doctor.busy}>
            {doctor.busy ? "Looking …" : "Look again"}
          </button>
        </header>
        {problem === undefined ? null : <p class="bad">{`Not to be had: ${sentence(problem.message)}`}</p>}
        <ul class="rows">
          {findings.map((finding, i) => (
            <Finding key={i} finding={finding} />
          ))}
        </ul>
      </section>
    </>
  );
}

function Facts({ status }: { readonly status: StatusView }) {
  const { version, startedAt, inbox, port, formatted, sandbox, interfaces, paths } = status;
  const used = interfaces.filter((each) => each.used).map((each) => `${each.name} (${each.address})`);
  const facts: readonly (readonly [string, string])[] = [
    ["Name", name(status.name)],
    ["Id", formatted],
    ["Inbox", inbox.problem === null ? `${long(inbox.path)}, ${size(inbox.free ?? 0)} free` : sentence(inbox.problem)],
    ["Port", String(port)],
    ["Networks", used.length === 0 ? "none" : name(used.join(", "))],
    ["Devices", `${count(status.peers)} here, ${count(status.devices)} paired`],
    ["Sandbox", sandbox],
    ["Settings", long(paths.config)],
    ["Version", `${version}, since ${when(startedAt, wallNow())}`],
  ];
  return (
    <dl class="facts">
      {facts.map(([term, text]) => (
        <div key={term}>
          <dt>{term}</dt>
          <dd>{text}</dd>
        </div>
      ))}
    </dl>
  );
}

function Finding({ finding: { check, state, text, advice } }: { readonly finding: FindingView }) {
  const { icon, word } = LOOKS[state];
  return (
    <li class={`row finding ${state}`}>
      <span class="badge">
        <Icon name={icon} />
      </span>
      <div class="body">
        <h3>
          {capital(check)} <span class="party">{word}</span>
        </h3>
        <p class="state">{sentence(text)}</p>
        {advice === null ? null : <p class="hint">{sentence(advice)}</p>}
      </div>
    </li>
  );
}
