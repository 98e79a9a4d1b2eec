// The same for @hey-api/openapi-ts: what is read and written most, without a cast.
import { getProduct, getReportContent, getSales, listProducts, signIn, updateProduct, updateSales, uploadProductImage } from "../build/hey/index.js";

export async function shop(picture: Blob): Promise<number> {
  const listed = await listProducts({ query: { sort: "-price", facets: "brand", brand: "Private" } });
  const price: string | undefined = listed.data?.data[0]?.price?.amount;
  const product = await getProduct({ path: { product: "26190" } });
  console.log(price, product.data?.category?.name, product.data?.specifications["region"]);
  const changed = await updateProduct({ path: { product: "26190" }, body: { stock: 11, price: null } });
  if (changed.error?.code === "web.precondition_failed") return 0;
  await uploadProductImage({ path: { product: "26190" }, body: picture });
  await updateSales({ path: { store: "NC1", year: 2024, month: 1 }, body: { dailyData: { "1": { sales: 1 }, "2": null } } });
  const month = await getSales({ path: { store: "NC1", year: 2024, month: 1 } });
  const report = await getReportContent({ path: { report: "019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b" } });
  const bytes: Blob | undefined = report.data;
  const session = await signIn({ body: { email: "mira@shop.example", password: "four rainy days in Bergen" } });
  if (session.data?.kind === "token") console.log(session.data.accessToken);
  return (month.data?.dailyData["1"]?.["sales"] ?? 0) + (bytes?.size ?? 0);
}
