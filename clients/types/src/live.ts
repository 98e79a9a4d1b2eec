// The live client's types are those of the document: each of its payloads is one of an event that webhooks get, both ways,
// and a handler sees the payload of its topic.
import type { LiveCatalog, LiveCategory, LiveProduct, LiveSales, LiveStore } from "../../live/entrepot-live.js";
import { EntrepotLive } from "../../live/entrepot-live.js";
import type { components } from "../build/schema.js";

type Schemas = components["schemas"];
type Same<One, Other> = [One, Other] extends [Other, One] ? true : never;

export const same: [
  Same<LiveSales, Schemas["SalesChanged"]>,
  Same<LiveStore, Schemas["StoreChanged"]>,
  Same<LiveProduct, Schemas["ProductChanged"]>,
  Same<LiveCategory, Schemas["CategoryChanged"]>,
  Same<LiveCatalog, Schemas["CatalogReplaced"]>,
] = [true, true, true, true, true];

export function follow(live: EntrepotLive, topic: string): number {
  let sold = 0;
  live.subscribe("sales-data-330", ({ data }) => (sold += (data.totals?.sales ?? 0) - (data.before?.sales ?? 0)));
  live.subscribe("store-330", ({ data }) => console.log(data.changed.includes("place") && data.place?.length));
  live.subscribe("product-019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b", ({ data }) => console.log(data.sku, data.change === "deleted"));
  // @ts-expect-error: sales have no such member.
  live.subscribe("sales-data-330", ({ data }) => console.log(data.nothing));
  // @ts-expect-error: of a topic whose name is not known here, nothing is.
  live.subscribe(topic, ({ data }) => console.log(data.sku));
  return sold;
}
