/** One setting: what it is, how it is changed, and whether that worked. */

import { useId, useState } from "preact/hooks";
import type { SettingView } from "../../../control/schema.ts";
import { call, problemOf } from "../../api.ts";
import { sentence } from "../../words.ts";
import { amountOf, type Kind, quantityOf, UNITS } from "./quantity.ts";

interface FieldProps {
  readonly setting: SettingView;
  readonly label: string;
  /** What it means. */
  readonly about: string;
  readonly kind: Kind;
  readonly onChanged: () => void;
}

type Outcome = { readonly tone: "good" | "bad"; readonly text: string } | undefined;

const FIXED = {
  environment: "Set by the environment of lanxferd",
  flag: "Set on the command line of lanxferd",
} as const;

export function Field({ setting, label, about, kind, onChanged }: FieldProps) {
  const { name, value, source } = setting;
  const [outcome, setOutcome] = useState<Outcome>(undefined);
  const id = useId();
  const fixed = source === "environment" || source === "flag" ? FIXED[source] : undefined;
  const param = { name };
  const run = async (work: () => Promise<unknown>) => {
    try {
      await work();
      setOutcome({ tone: "good", text: "Saved" });
      onChanged();
    } catch (error) {
      setOutcome({ tone: "bad", text: `Not saved: ${sentence(problemOf(error).message)}` });
    }
  };
  const save = (next: unknown) => {
    if (next !== value) void run(() => call("put", "/v1/settings/:name", { param, json: { value: next } }));
  };
  const refuse = (text: string) => setOutcome({ tone: "bad", text });
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <div class="control">
        <Control key={String(value)} {...{ id, kind, value, save, refuse }} disabled={fixed !== undefined} />
        {source === "file" ? (
          <button
            type="button"
            class="quiet"
            aria-label={`${label}: use the default`}
            onClick={() => void run(() => call("delete", "/v1/settings/:name", { param }))}
          >
            Use the default
          </button>
        ) : null}
      </div>
      <p class="hint" id={`${id}-about`}>
        {about}
        {fixed === undefined ? "" : `. ${fixed}`}
      </p>
      <p class={`outcome ${outcome?.tone ?? ""}`} role="status">
        {outcome?.text ?? ""}
      </p>
    </div>
  );
}

interface ControlProps {
  readonly id: string;
  readonly kind: Kind;
  readonly value: unknown;
  readonly disabled: boolean;
  readonly save: (value: unknown) => void;
  readonly refuse: (text: string) => void;
}

type Changed<E extends HTMLElement> = Event & { readonly currentTarget: E };

function Control({ id, kind, value, disabled, save, refuse }: ControlProps) {
  const common = { id, disabled, "aria-describedby": `${id}-about` };
  switch (kind.is) {
    case "text":
      return (
        <input
          {...common}
          value={String(value)}
          onChange={(event: Changed<HTMLInputElement>) => save(event.currentTarget.value)}
        />
      );
    case "toggle":
      return (
        <input
          {...common}
          type="checkbox"
          class="switch"
          checked={value === true}
          onChange={(event: Changed<HTMLInputElement>) => save(event.currentTarget.checked)}
        />
      );
    case "choice":
      return (
        <select
          {...common}
          value={String(value)}
          onChange={(event: Changed<HTMLSelectElement>) => save(event.currentTarget.value)}
        >
          {kind.choices.map(([choice, label]) => (
            <option key={choice} value={choice}>
              {label}
            </option>
          ))}
        </select>
      );
    case "quantity":
      return <QuantityControl {...{ common, kind, value: Number(value), save, refuse }} />;
  }
}

interface QuantityProps {
  readonly common: { readonly id: string; readonly disabled: boolean; readonly "aria-describedby": string };
  readonly kind: Extract<Kind, { is: "quantity" }>;
  readonly value: number;
  readonly save: (value: number) => void;
  readonly refuse: (text: string) => void;
}

function QuantityControl({ common, kind, value, save, refuse }: QuantityProps) {
  const units = UNITS[kind.of];
  const shown = quantityOf(value, units);
  const [text, setText] = useState(kind.zero && value === 0 ? "" : String(shown.number));
  const [unit, setUnit] = useState(value === 0 ? Math.min(2, units.length - 1) : shown.unit);
  const apply = (newText: string, newUnit: number) => {
    const entered = kind.zero && newText.trim() === "" ? 0 : amountOf(newText, units[newUnit]);
    if (entered === undefined) refuse("That is not a number");
    else save(entered);
  };
  return (
    <>
      <input
        {...common}
        class="number"
        inputMode="decimal"
        value={text}
        placeholder={kind.zero ? "no limit" : undefined}
        onInput={(event: Changed<HTMLInputElement>) => setText(event.currentTarget.value)}
        onChange={(event: Changed<HTMLInputElement>) => apply(event.currentTarget.value, unit)}
      />
      {units.length === 1 ? null : (
        <select
          aria-label="Unit"
          disabled={common.disabled}
          value={String(unit)}
          onChange={(event: Changed<HTMLSelectElement>) => {
            const next = Number(event.currentTarget.value);
            setUnit(next);
            if (text.trim() !== "") apply(text, next);
          }}
        >
          {units.map(({ label }, i) => (
            <option key={label} value={String(i)}>
              {label}
            </option>
          ))}
        </select>
      )}
    </>
  );
}
