// The calls that README and the documentation show, as a front-end developer writes them: with the types that
// openapi-typescript makes of docs/openapi.json, and not one cast. It is compiled by check.mjs, under `tsc --strict`.
import createClient from "openapi-fetch";
import type { components, paths } from "../build/schema.js";

type Product = components["schemas"]["Product"];
type ProblemCode = components["schemas"]["ProblemCode"];

const api = createClient<paths>({ baseUrl: "http://127.0.0.1:5000" });

/** Says in a person's words what went wrong. */
export function inWords(code: ProblemCode): string {
  switch (code) {
    case "catalog.product_not_found":
      return "That product is gone.";
    case "web.precondition_failed":
      return "Somebody else has changed it.";
    case "web.too_many_requests":
      return "Wait a little.";
    default:
      return "Something went wrong.";
  }
}

export async function browse(): Promise<string[]> {
  const lines: string[] = [];
  const found = await api.GET("/api/v2/products/search", {
    params: { query: { q: "appel sau", limit: 2, fields: "title,price,highlight.title", facets: "brand,category" } },
  });
  if (found.error) return [inWords(found.error.code)];
  for (const product of found.data.data) {
    const price = product.price === null ? "no price yet" : `${product.price.amount} ${product.price.currency}`;
    lines.push(`${product.title}, ${price}, ${product.brand ?? "no brand"}, ${product.category?.name ?? "no shelf"}`);
  }
  const next = found.data.page.nextCursor;
  if (next !== null) {
    await api.GET("/api/v2/products", { params: { query: { cursor: next, sort: "-price", inStock: true } } });
  }
  await api.GET("/api/v2/products", {
    params: { query: { brand: ["Private", "National"], sort: ["-price", "title"], spec: { material: "oak" } } },
  });
  await api.GET("/api/v2/products", {
    params: { query: { brand: "Private", updatedSince: "2024-03-31T12:00:00Z", active: true, count: "exact" } },
  });
  const facet = found.data.meta.facets?.["brand"]?.values[0];
  lines.push(`${facet?.label ?? "nothing"}: ${facet?.count ?? 0}, corrected to ${found.data.meta.correctedTo ?? "nothing"}`);
  const one = await api.GET("/api/v2/products/{product}", { params: { path: { product: "26190" } } });
  if (one.data) lines.push(describe(one.data));
  const tree = await api.GET("/api/v2/categories", { params: { query: { depth: 2 } } });
  for (const shelf of tree.data?.data ?? []) lines.push(`${shelf.name}: ${shelf.productCount}`);
  const picture = await api.GET("/api/v2/images/{image}/{variant}", {
    params: { path: { image: "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b", variant: "thumb" } },
    parseAs: "blob",
  });
  const blob: Blob | undefined = picture.data;
  lines.push(`${blob?.size ?? 0} bytes`);
  return lines;
}

function describe(product: Product): string {
  const region = product.specifications["region"];
  const origin = typeof region === "string" ? region : "somewhere";
  const thumb: string | undefined = product.images[0]?.variants?.thumb;
  return `${product.title} from ${origin}, ${product.stock} at hand, ${thumb ?? "no picture"}, ${product.tags.join(" ")}`;
}

export async function signIn(): Promise<string> {
  const answer = await api.POST("/api/v2/auth/login", {
    body: { email: "mira@shop.example", password: "four rainy days in Bergen" },
  });
  if (answer.error) return inWords(answer.error.code);
  const session = answer.data;
  switch (session.kind) {
    case "token": {
      const renewed = await api.POST("/api/v2/auth/refresh", { body: { refreshToken: session.refreshToken } });
      return renewed.data?.accessToken ?? session.accessToken;
    }
    case "cookie":
      return session.csrfToken;
  }
}

export async function keepTheCatalog(file: Blob): Promise<void> {
  const made = await api.POST("/api/v2/products", {
    params: { header: { "Idempotency-Key": "tea-1" } },
    body: { sku: "TEA-1", title: "Darjeeling, 100 g", price: { amount: "12.50", currency: "EUR" }, specifications: { region: "Darjeeling" } },
  });
  const etag = made.response.headers.get("etag") ?? undefined;
  const product = { product: "TEA-1" };
  await api.PATCH("/api/v2/products/{product}", { params: { path: product, header: { "If-Match": etag } }, body: { stock: 11 } });
  await api.PATCH("/api/v2/products/{product}", {
    params: { path: product },
    body: { price: null, brand: "Chamong", specifications: { region: "Kurseong", weightG: 100 } },
  });
  const batch = await api.POST("/api/v2/products/batch", {
    params: { query: { atomic: false } },
    body: { products: [{ sku: "TEA-2", title: "Assam, 100 g" }] },
  });
  for (const row of batch.data?.results ?? []) {
    if (row.outcome === "failed") console.log(row.sku, row.errors?.[0]?.pointer, row.errors?.[0]?.detail);
  }
  await api.POST("/api/v2/products/{product}/images/upload", {
    params: { path: product, query: { alt: "A tin of tea" } },
    headers: { "Content-Type": "image/png" },
    body: file,
    bodySerializer: (body) => body,
  });
  await api.POST("/api/v2/products/{product}/reviews", {
    params: { path: product },
    body: { rating: 5, author: "Mira K.", title: "Bright and flowery", body: "Two minutes at 90 °C and no longer." },
  });
  await api.PATCH("/api/v2/categories/{category}", { params: { path: { category: "tea" } }, body: { name: "Teas" } });
  await api.DELETE("/api/v2/products/{product}", { params: { path: product } });
}

export async function keepTheBooks(): Promise<number> {
  const month = { store: "NC1", year: 2024, month: 1 };
  await api.PUT("/api/v2/stores/{store}", { params: { path: { store: "NC1" } }, body: { name: "Harbour Street" } });
  await api.PATCH("/api/v2/stores/{store}", { params: { path: { store: "NC1" } }, body: { status: "paused", place: null } });
  await api.PUT("/api/v2/sales/{store}/{year}/{month}", { params: { path: month }, body: { dailyData: { "1": { sales: 1000 } } } });
  await api.PATCH("/api/v2/sales/{store}/{year}/{month}", {
    params: { path: month },
    body: { dailyData: { "1": { customers: 41, discount: null }, "2": null } },
  });
  await api.POST("/api/v2/sales/batch", {
    params: { query: { mode: "merge" } },
    body: { salesDataArray: [{ storeId: "NC1", year: 2024, month: 2, dailyData: { "29": { sales: 7 } } }] },
  });
  await api.POST("/api/v2/sales/import", {
    headers: { "Content-Type": "text/csv" },
    body: "storeId,year,month,day,sales\nNC1,2024,3,1,12.5\n",
    bodySerializer: (body) => body,
  });
  const read = await api.GET("/api/v2/sales/{store}/{year}/{month}", { params: { path: month } });
  const summary = await api.GET("/api/v2/sales/summary", { params: { query: { by: "week", from: "2024-01-01" } } });
  const growth = summary.data?.data[0]?.growth?.sales ?? 0;
  return (read.data?.dailyData["1"]?.["sales"] ?? 0) + growth;
}

export async function takeAway(): Promise<Blob | undefined> {
  const ordered = await api.POST("/api/v2/exports", { body: { kind: "sales", format: "ndjson", parameters: { year: 2024 } } });
  if (ordered.data?.contentUrl) console.log(ordered.data.percent ?? 0, ordered.data.status === "done");
  await api.POST("/api/v2/reports/schedules", {
    body: { kind: "sales", format: "xlsx", parameters: { period: "last-week" }, pattern: "0 6 * * 1", zone: "Europe/Oslo" },
  });
  const report = await api.POST("/api/v2/reports", { body: { kind: "inventory", parameters: { category: "grocery" } } });
  if (!report.data) return undefined;
  const file = await api.GET("/api/v2/reports/{report}/content", {
    params: { path: { report: report.data.id }, header: { Range: "bytes=0-" } },
    parseAs: "blob",
  });
  return file.data;
}

export async function connect(): Promise<string | undefined> {
  const hook = await api.POST("/api/v2/webhooks", { body: { url: "https://example.com/hook", topics: ["store-*"] } });
  if (hook.data) {
    await api.PATCH("/api/v2/webhooks/{webhook}", { params: { path: { webhook: hook.data.id } }, body: { isEnabled: false } });
  }
  const key = await api.POST("/api/v2/api-keys", { body: { name: "Nightly stock import", scopes: ["products.write"] } });
  if (key.data) {
    await api.PATCH("/api/v2/api-keys/{key}", { params: { path: { key: key.data.id } }, body: { name: "Stock", expiresAt: null } });
  }
  await api.PATCH("/api/v2/me", { body: { name: "Mira Olsen-Berg" } });
  await api.PATCH("/api/v2/users/{user}", { params: { path: { user: "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b" } }, body: { role: "manager" } });
  await api.POST("/api/admin/announcements", { body: { message: "Tonight the tills are updated.", severity: "warning" } });
  const job = await api.GET("/api/admin/jobs/{job}", { params: { path: { job: 17 } } });
  if (job.data) console.log("outcome" in job.data ? job.data.outcome : job.data.status);
  return key.data?.key;
}

/** What a receiver of webhooks does with what it is sent. */
export function received(event: components["schemas"]["WebhookEvent"]): string {
  switch (event.type) {
    case "catalog.product-changed":
      return `${event.topic}: ${event.type}`;
    default:
      return `something on ${event.topic}, at ${event.timestamp}`;
  }
}

// What the types must refuse: tsc fails where one of these lines is no error.
export async function mistaken(): Promise<void> {
  // @ts-expect-error stock is a number
  await api.PATCH("/api/v2/products/{product}", { params: { path: { product: "TEA-1" } }, body: { stock: "many" } });
  // @ts-expect-error there is no such order
  await api.GET("/api/v2/products", { params: { query: { sort: "colour" } } });
  // @ts-expect-error a product is made with a title
  await api.POST("/api/v2/products", { body: { sku: "TEA-1" } });
  // @ts-expect-error nobody sells a kind of report that is not made
  await api.POST("/api/v2/reports", { body: { kind: "weather" } });
  const gone = await api.GET("/api/v2/products/{product}", { params: { path: { product: "TEA-1" } } });
  // @ts-expect-error no such code
  if (gone.error?.code === "catalog.product_lost") return;
  // @ts-expect-error a price may be null
  console.log(gone.data?.price.amount);
}
