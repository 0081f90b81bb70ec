/** The frame of the page: whose it is, where one can go, and whether the daemon is there. */

import { useEffect, useState } from "preact/hooks";
import type { Desk } from "../desk.ts";
import type { Model } from "../model.ts";
import { useModel } from "../parts/hooks.ts";
import { Icon, type IconName } from "../parts/icon.tsx";
import { count, name } from "../words.ts";
import { HealthView } from "./health.tsx";
import { HistoryView } from "./history.tsx";
import { HomeView } from "./home.tsx";
import { Notices } from "./notices.tsx";
import { ReceivedView } from "./received.tsx";
import { SettingsView } from "./settings.tsx";

const PLACES = [
  { id: "devices", label: "Devices", icon: "device", View: HomeView },
  { id: "received", label: "Received", icon: "inbox", View: ReceivedView },
  { id: "history", label: "History", icon: "history", View: HistoryView },
  { id: "settings", label: "Settings", icon: "settings", View: SettingsView },
  { id: "health", label: "Health", icon: "health", View: HealthView },
] as const satisfies readonly { id: string; label: string; icon: IconName; View: unknown }[];

export function App({ desk }: { readonly desk: Desk }) {
  const model = useModel(desk);
  const place = usePlace();
  const { View } = place;
  const waiting = model.offers.size;
  const title = model.self === null ? "lanxfer" : `${name(model.self.name)} – lanxfer`;
  useEffect(() => {
    document.title = waiting > 0 ? `(${count(waiting)}) ${title}` : title;
  }, [title, waiting]);
  useNoStrayDrops();
  const { link } = model;
  return (
    <>
      <a class="skip" href="#main">
        Skip to the content
      </a>
      <header class="bar">
        <h1 class="brand">
          <img src="icon.svg" alt="" width="28" height="28" /> lanxfer
        </h1>
        <p class="self">{model.self === null ? "" : <Self model={model} />}</p>
        <nav aria-label="Pages">
          {PLACES.map(({ id, label, icon }) => (
            <a key={id} href={`#/${id}`} aria-current={id === place.id ? "page" : undefined}>
              <Icon name={icon} />
              <span>{label}</span>
            </a>
          ))}
        </nav>
      </header>
      <LinkState link={link} />
      {link === "ended" ? null : (
        <main id="main" tabIndex={-1} inert={link === "gone"} aria-busy={model.self === null}>
          {/* Drawn when all of it is known, so that nothing moves that somebody has begun to read. */}
          {model.self === null ? null : <View desk={desk} model={model} />}
        </main>
      )}
      <Notices desk={desk} notices={model.notices} />
    </>
  );
}

function Self({ model: { self } }: { readonly model: Model }) {
  if (self === null) return null;
  return (
    <>
      This device is <strong>{name(self.name)}</strong> <code>{self.short}</code>
    </>
  );
}

function LinkState({ link }: Pick<Model, "link">) {
  if (link === "ended") {
    return (
      <section class="ended" role="alert">
        <Icon name="link" />
        <h2>This page has ended</h2>
        <p>
          Its address lets one browser in, once, and only for as long as the page stays open. Run{" "}
          <code>lanxferctl ui</code> to open it again.
        </p>
      </section>
    );
  }
  return (
    <p class="gone" role="alert" hidden={link !== "gone"}>
      {link === "gone" ? "lanxferd does not answer. This page goes on by itself as soon as it is back." : ""}
    </p>
  );
}

/** The part of the page that the address names. */
function usePlace(): (typeof PLACES)[number] {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => {
      if (location.hash !== "#main") setHash(location.hash);
    };
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return PLACES.find(({ id }) => hash === `#/${id}`) ?? PLACES[0];
}

/** A file that is dropped beside a device would be opened by the browser, in place of the page. */
function useNoStrayDrops(): void {
  useEffect(() => {
    const refuse = (event: DragEvent) => {
      if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "none";
    };
    addEventListener("dragover", refuse);
    addEventListener("drop", refuse);
    return () => {
      removeEventListener("dragover", refuse);
      removeEventListener("drop", refuse);
    };
  }, []);
}
