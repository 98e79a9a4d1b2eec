// A queue that jobs are measured beside: puts so many no-op jobs in, then does them, and prints how many a second
// of each, as JSON. `graphile` needs PGHOST and PGUSER, `bullmq` a Redis at REDIS_PORT.
import { Queue, Worker } from "bullmq";
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";

const [kind, count] = [process.argv[2], Number(process.argv[3])];
const CHUNK = 1_000;

async function timed(work) {
  const start = process.hrtime.bigint();
  await work();
  return count / (Number(process.hrtime.bigint() - start) / 1e9);
}

async function graphile() {
  const pool = new pg.Pool({ max: 10, database: "entrepot" });
  const logger = new Logger(() => () => {});
  const utils = await makeWorkerUtils({ pgPool: pool, logger });
  await utils.migrate();
  const added = await timed(async () => {
    for (let from = 0; from < count; from += CHUNK) {
      const specs = Array.from({ length: Math.min(CHUNK, count - from) }, (_, nth) => ({
        identifier: "noop",
        payload: { number: from + nth },
      }));
      await utils.addJobs(specs);
    }
  });
  let done = 0;
  const ended = await timed(async () => {
    const runner = await run({
      pgPool: pool,
      logger,
      noHandleSignals: true,
      taskList: { noop: () => { done += 1; } },
      // The fastest that its documentation tells of: jobs are pulled in batches and completed in batches.
      preset: {
        worker: { concurrentJobs: 24, pollInterval: 100, completeJobBatchDelay: 0, failJobBatchDelay: 0, localQueue: { size: 500 } },
      },
    });
    while (done < count) await new Promise((resolve) => setTimeout(resolve, 1));
    // Until their ends are stored.
    for (;;) {
      const { rows } = await pool.query("SELECT EXISTS (SELECT FROM graphile_worker._private_jobs) AS any");
      if (!rows[0].any) break;
    }
    graphile.stop = () => runner.stop();
  });
  await graphile.stop();
  await utils.release();
  await pool.end();
  return { added, ended };
}

async function bullmq() {
  const connection = { host: "127.0.0.1", port: Number(process.env.REDIS_PORT), maxRetriesPerRequest: null };
  const queue = new Queue("noop", { connection });
  const added = await timed(async () => {
    for (let from = 0; from < count; from += CHUNK) {
      const length = Math.min(CHUNK, count - from);
      await queue.addBulk(Array.from({ length }, (_, nth) => ({ name: "noop", data: { number: from + nth } })));
    }
  });
  let worker;
  const ended = await timed(async () => {
    let done = 0;
    worker = new Worker("noop", async () => {}, { connection, concurrency: 100 });
    await new Promise((resolve) => worker.on("completed", () => { if ((done += 1) === count) resolve(); }));
  });
  await worker.close();
  await queue.obliterate({ force: true });
  await queue.close();
  return { added, ended };
}

console.log(JSON.stringify(await { graphile, bullmq }[kind]()));
process.exit(0);
