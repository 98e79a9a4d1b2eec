// The same for orval.
import { getProduct, getReportContent, getSales, listProducts, signIn, updateProduct, updateSales } from "../build/orval/client.js";

export async function shop(): Promise<number> {
  const listed = await listProducts({ sort: "-price", facets: "brand", brand: "Private" });
  if (listed.status === 200) console.log(listed.data.data[0]?.price?.amount);
  const product = await getProduct("26190");
  if (product.status === 200) console.log(product.data.category?.name, product.data.specifications["region"]);
  const changed = await updateProduct("26190", { stock: 11, price: null });
  if (changed.status === 412 && changed.data.code === "web.precondition_failed") return 0;
  await updateSales("NC1", 2024, 1, { dailyData: { "1": { sales: 1 }, "2": null } });
  const month = await getSales("NC1", 2024, 1);
  const report = await getReportContent("019a2b3c-4d5e-7f60-8a9b-0c1d2e3f4a5b");
  const bytes: Blob | undefined = report.status === 200 ? report.data : undefined;
  const session = await signIn({ email: "mira@shop.example", password: "four rainy days in Bergen" });
  if (session.status === 200 && session.data.kind === "token") console.log(session.data.accessToken);
  return (month.status === 200 ? (month.data.dailyData["1"]?.["sales"] ?? 0) : 0) + (bytes?.size ?? 0);
}
