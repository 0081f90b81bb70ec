/** Drawings that stand beside words. They say nothing that the words do not. */

const PATHS = {
  device: "M4 5h16v11H4zM9 20h6M12 16v4",
  inbox: "M4 13h4l2 3h4l2-3h4M4 13l3-8h10l3 8v6H4z",
  history: "M4 12a8 8 0 1 0 2.5-5.8M4 4v4h4M12 8v4l3 2",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 5v4M9 15v4",
  health: "M3 12h4l2.5-6 4 12 2.5-6h5",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  folder: "M3 6h6l2 2h10v11H3z",
  out: "M12 19V5M6 11l6-6 6 6",
  in: "M12 5v14M6 13l6 6 6-6",
  add: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  good: "M5 12.5l4.5 4.5L19 7.5",
  bad: "M12 7v6M12 16.5v.5M12 3l9.5 17h-19z",
  link: "M10 14a4 4 0 0 0 6 .5l3-3a4 4 0 0 0-5.7-5.7L12 7M14 10a4 4 0 0 0-6-.5l-3 3a4 4 0 0 0 5.7 5.7L12 17",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
