/** Sizes, times and counts as people enter them: a number and a unit. Pure. */

export type Kind =
  | { readonly is: "text" }
  | { readonly is: "toggle" }
  | { readonly is: "choice"; readonly choices: readonly (readonly [value: string, label: string])[] }
  /** `zero`: 0 means that there is no limit. */
  | { readonly is: "quantity"; readonly of: keyof typeof UNITS; readonly zero: boolean };

export interface Unit {
  readonly label: string;
  readonly factor: number;
}

/** The smallest first. */
export const UNITS = {
  size: [
    { label: "bytes", factor: 1 },
    { label: "kB", factor: 1e3 },
    { label: "MB", factor: 1e6 },
    { label: "GB", factor: 1e9 },
    { label: "TB", factor: 1e12 },
  ],
  rate: [
    { label: "bytes/s", factor: 1 },
    { label: "kB/s", factor: 1e3 },
    { label: "MB/s", factor: 1e6 },
    { label: "GB/s", factor: 1e9 },
  ],
  time: [
    { label: "seconds", factor: 1_000 },
    { label: "minutes", factor: 60_000 },
    { label: "hours", factor: 3_600_000 },
    { label: "days", factor: 86_400_000 },
  ],
  count: [{ label: "", factor: 1 }],
} as const satisfies Record<string, readonly Unit[]>;

export interface Quantity {
  readonly number: number;
  readonly unit: number;
}

/** In the largest unit in which it takes at most one decimal place. */
export function quantityOf(value: number, units: readonly Unit[]): Quantity {
  const fits = ({ factor }: Unit) => value >= factor && Number.isInteger((value * 10) / factor);
  const unit = Math.max(0, units.findLastIndex(fits));
  return { number: value / (units[unit]?.factor ?? 1), unit };
}

/** Undefined for what is no number. */
export function amountOf(text: string, unit: Unit | undefined): number | undefined {
  const number = Number(text.trim().replace(",", "."));
  if (text.trim() === "" || !Number.isFinite(number) || number < 0) return undefined;
  return Math.round(number * (unit?.factor ?? 1));
}
