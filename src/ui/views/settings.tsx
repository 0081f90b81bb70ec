/** What people change: the settings of the daemon, and what each paired device may do. */

import type { SettingView } from "../../control/schema.ts";
import { call } from "../api.ts";
import { useLoaded } from "../parts/hooks.ts";
import { sentence } from "../words.ts";
import type { ViewProps } from "./home.tsx";
import { Devices } from "./settings/devices.tsx";
import { Field } from "./settings/field.tsx";
import type { Kind } from "./settings/quantity.ts";

interface Shown {
  readonly name: string;
  readonly label: string;
  readonly about: string;
  readonly kind: Kind;
}

const GROUPS: readonly { readonly title: string; readonly settings: readonly Shown[] }[] = [
  {
    title: "This device",
    settings: [
      { name: "name", label: "Name", about: "What others on the network see", kind: { is: "text" } },
      {
        name: "inbox",
        label: "Inbox",
        about: "Folder in which received files appear, from the next start of lanxferd",
        kind: { is: "text" },
      },
      {
        name: "unpaired",
        label: "Devices that are not paired",
        about: "When they may ask, nothing comes before you have accepted it",
        kind: {
          is: "choice",
          choices: [
            ["never", "may send nothing"],
            ["ask", "may ask to send something"],
          ],
        },
      },
      {
        name: "notify",
        label: "Desktop notifications",
        about: "Of what is offered and of what has arrived",
        kind: { is: "toggle" },
      },
    ],
  },
  {
    title: "Limits",
    settings: [
      {
        name: "limits.rate.send",
        label: "Sending rate",
        about: "All transfers from here together",
        kind: { is: "quantity", of: "rate", zero: true },
      },
      {
        name: "limits.rate.receive",
        label: "Receiving rate",
        about: "All transfers to here together",
        kind: { is: "quantity", of: "rate", zero: true },
      },
      {
        name: "limits.transfer",
        label: "Largest transfer",
        about: "What is larger is refused before it begins",
        kind: { is: "quantity", of: "size", zero: true },
      },
      {
        name: "limits.reserve",
        label: "Disk space kept free",
        about: "No transfer may use it",
        kind: { is: "quantity", of: "size", zero: false },
      },
      {
        name: "limits.parallel",
        label: "Received at the same time",
        about: "Transfers; one device gets half of the places at most",
        kind: { is: "quantity", of: "count", zero: false },
      },
    ],
  },
  {
    title: "Queue",
    settings: [
      {
        name: "queue.ttl",
        label: "Longest wait",
        about: "What a device has not begun to take by then is given up",
        kind: { is: "quantity", of: "time", zero: false },
      },
      {
        name: "queue.space",
        label: "Space for what waits",
        about: "What is sent from this page is kept until it is delivered",
        kind: { is: "quantity", of: "size", zero: true },
      },
    ],
  },
];

export function SettingsView({ desk, model }: ViewProps) {
  const { value, problem, reload } = useLoaded(() => call("get", "/v1/settings", {}), []);
  const byName = new Map<string, SettingView>(value?.settings.map((setting) => [setting.name, setting]));
  const changed = () => {
    reload();
    void desk.refresh();
  };
  return (
    <>
      {problem === undefined ? null : <p class="bad">{`Not to be had: ${sentence(problem.message)}`}</p>}
      {GROUPS.map(({ title, settings }) => (
        <section key={title} class="group" aria-label={title}>
          <h2>{title}</h2>
          {settings.map(({ name, ...shown }) => {
            const setting = byName.get(name);
            return setting === undefined ? null : <Field key={name} setting={setting} {...shown} onChanged={changed} />;
          })}
        </section>
      ))}
      <Devices desk={desk} devices={model.devices} />
    </>
  );
}
