// What generated clients send, sent to a server: files in each way that their types allow, lists, a download.
// Bundled and run by run.test.mjs.
import axios from "axios";
import createClient from "openapi-fetch";
import { client } from "../build/hey/client.gen.js";
import { createProduct, getProduct, importSales, listProducts, putStore, uploadProductImage } from "../build/hey/index.js";
import type { paths } from "../build/schema.js";

const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const CSV = "storeId,year,month,day,sales\n330,2024,3,1,12.5\n";
const NDJSON = '{"storeId":"330","year":2024,"month":3,"dailyData":{"2":{"sales":7}}}\n';

export async function run(origin: string, token: string): Promise<Record<string, unknown>> {
  const picture = new Blob([Uint8Array.from(atob(PIXEL), (letter) => letter.charCodeAt(0))], { type: "image/png" });
  const told: Record<string, unknown> = {};
  client.setConfig({ baseUrl: origin, auth: token });
  const product = { sku: "RUN-1", title: "Tea", brand: "Mira" };
  told["hey: a product"] = (await createProduct({ body: product })).response?.status;
  await createProduct({ body: { sku: "RUN-2", title: "Pot", brand: "Per" } });
  await putStore({ path: { store: "330" }, body: { name: "Harbour" } });
  told["hey: a picture"] = (await uploadProductImage({ path: { product: "RUN-1" }, body: picture })).response?.status;
  told["hey: lines of CSV"] = (await importSales({ body: new Blob([CSV]) })).data?.created;
  told["hey: lines of JSON"] = (await importSales({ body: new Blob([NDJSON]) })).data?.updated;
  told["hey: a list"] = (await listProducts({ query: { ids: [(await getProduct({ path: { product: "RUN-1" } })).data?.id ?? ""] } })).data?.data.length;

  const api = createClient<paths>({ baseUrl: origin, headers: { authorization: `Bearer ${token}` } });
  const form = new FormData();
  form.append("file", picture, "pixel.png");
  const uploaded = await api.POST("/api/v2/products/{product}/images/upload", { params: { path: { product: "RUN-1" } }, body: form });
  told["fetch: a form with a picture"] = uploaded.response.status;
  const lines = new FormData();
  lines.append("file", new Blob([CSV], { type: "text/csv" }), "sales.csv");
  told["fetch: a form with lines"] = (await api.POST("/api/v2/sales/import", { body: lines })).data?.unchanged;
  const made = await api.POST("/api/v2/sales/import", { body: CSV, headers: { "Content-Type": "text/csv" }, bodySerializer: (body) => body });
  told["fetch: a text"] = made.data?.unchanged;
  const position = made.response.headers.get("entrepot-position") ?? undefined;
  const later = await api.GET("/api/v2/products", { params: { query: { limit: 1 }, header: { "Entrepot-At-Least": position } } });
  told["fetch: not older than a write"] = later.response.status;

  // As axios writes a list: brand[]=…&brand[]=….
  const listed = await axios.get(`${origin}/api/v2/products`, { params: { brand: ["Mira", "Per"], fields: ["sku", "brand"] } });
  told["axios: a list"] = listed.data.data.length;
  return told;
}
