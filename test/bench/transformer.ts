/**
 * A transformer on the processor, one thread: texts through the batcher and its host process, beside a bare loop that is
 * given ideal batches, ready made, and beside batches as others make them. CPU time, in turns; MiniLM once as it comes
 * (int8: each text alone, for in batches its answers depend on the company) and once with float32 weights. `npm run bench transformer`
 */
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import ort from 'onnxruntime-node';
import { fetchEncoder } from '#libs/embedded';
import { DynamicBatcher, type HostModel, ModelHost, pooledEncoder, withHead } from '#libs/model';
import { loadConfig, systemClock } from '#libs/platform';
import { loadTokenizer } from '#libs/tokenizer';
import { seededRandom } from '../../apps/standalone/src/streams/random.ts';
import { planRuns, type Run } from '../../libs/model/src/plan-runs.ts';
import { temporaryFolder } from '../../libs/model/src/testing/test-bundle.ts';
import { type TextInput, tokensInput } from '../../libs/model/src/text-input.ts';
import { paragraphs } from '../support/tokenizers.ts';
import { cpuOf, median } from './cpu.ts';
import { floatEncoder } from './float-encoder.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5);
/** What one fetch of a partition brings. */
const count = 512;
const labels = ['a', 'b', 'c'];

/** Every way to answer all texts; resolves to the columns that the graph worked on. */
type Candidate = [name: string, run: () => Promise<number>];

await using folder = await temporaryFolder();
const { config } = loadConfig({ env: process.env });
const encoder = await fetchEncoder('minilm', { config, onProgress: (line) => console.error(line) });
const tokenizer = loadTokenizer(await readFile(encoder.tokenizerPath, 'utf8'));
await copyFile(encoder.tokenizerPath, join(folder.path, 'tokenizer.json'));
const int8 = await readFile(encoder.modelPath);
const texts = lognormalTexts();
const tokens = texts.map((text) => tokenizer.encode(text, encoder.maximumTokens).ids.length);
const needed = tokens.reduce((sum, one) => sum + one, 0);
console.log(`${count} texts, ${(needed / count).toFixed(1)} tokens each, the longest ${Math.max(...tokens)}`);

await compare('int8, each text alone', int8, true);
await compare('float32, in batches', floatEncoder(int8), false);

async function compare(title: string, graph: Uint8Array, alone: boolean): Promise<void> {
  const modelPath = join(folder.path, alone ? 'int8.onnx' : 'float32.onnx');
  const random = seededRandom('bench', 'head');
  const head = {
    weights: Float32Array.from({ length: 384 * labels.length }, random),
    bias: new Float32Array(labels.length),
  };
  await writeFile(modelPath, withHead(pooledEncoder(graph), head));
  const inputs = ['input_ids' as const, 'attention_mask' as const, 'token_type_ids' as const];
  const input = { kind: 'tokens' as const, maximumTokens: encoder.maximumTokens, inputs, padTokenId: 0, alone };
  const model: HostModel = { modelPath, labels, input, output: 'logits', temperature: 1, goldenTexts: [] };
  await using host = await ModelHost.open(model, { executionProviders: ['cpu'], threads: 1 });
  const session = await ort.InferenceSession.create(modelPath, {
    logSeverityLevel: 3,
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    extra: { session: { intra_op: { allow_spinning: '0' } } },
  });
  const limits = tokensInput(input, { tokenizer, device: 'cpu' });
  const bare = (name: string, runs: Run[]): Candidate => [name, bareLoop(session, limits, runs)];
  const inOrder = Array.from(texts, (_, row) => row);
  const candidates: Candidate[] = [
    ['Tidemill, batcher and host', throughBatcher(host)],
    bare(alone ? 'bare loop, each alone' : 'bare loop, ideal batches', planRuns(tokens, limits)),
    ...(alone ? [bare('bare loop, ideal batches', planRuns(tokens, { ...limits, rowsPerRun: Infinity }))] : []),
    bare(
      'bare loop, 32 as they come',
      cut(inOrder, (rows) => rows.length === 32),
    ),
    bare(
      'bare loop, 16,384 tokens as they come',
      cut(inOrder, (rows) => width(rows) * (rows.length + 1) > 16_384),
    ),
  ];
  const costs = candidates.map(() => new Array<number>());
  const columns = candidates.map(() => 0);
  for (let round = 0; round <= rounds; round++)
    for (const [i, [, run]] of candidates.entries()) {
      const before = cpu(host);
      columns[i] = await run();
      // The first round warms up.
      if (round > 0) costs[i]?.push((cpu(host) - before) / count);
    }
  await session.release();
  console.log(
    `\n${title}\n| | CPU a text | texts a second and core | of the bare loop | padding |\n|---|---|---|---|---|`,
  );
  const ideal = costs[1] ?? [];
  for (const [i, [name]] of candidates.entries()) {
    const own = costs[i] ?? [];
    const share = own.map((cost, round) => (ideal[round] ?? Number.NaN) / cost);
    const spread = (values: number[], digits: number) =>
      `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;
    const padding = (1 - needed / (columns[i] ?? Number.NaN)) * 100;
    const milliseconds = own.map((cost) => cost / 1000);
    const rate = (1e6 / median(own)).toFixed(0);
    console.log(
      `| ${name} | ${spread(milliseconds, 2)} ms | ${rate} | ${spread(share, 3)} | ${padding.toFixed(1)} % |`,
    );
  }
}

/** As inference does it: one partition's fetch, a bulk request of all texts. */
function throughBatcher(host: ModelHost): () => Promise<number> {
  let columns = 0;
  const serving = {
    model: 'bench',
    version: 1,
    epoch: 1,
    bundleDigest: '',
    labels,
    device: 'cpu',
    maximumLength: 10_000,
  };
  let batches = 0;
  const lease = {
    serving,
    room: () => 2 - batches,
    alive: () => true,
    idle: () => batches === 0,
    release: () => undefined,
    async answer(part: readonly string[]) {
      batches++;
      try {
        return await host.answer(part);
      } finally {
        batches--;
      }
    },
  };
  const batcher = new DynamicBatcher({
    acquire: () => lease,
    changed: () => new Promise(() => undefined),
    maximumBatchTokens: config.inference.maximumBatchTokens,
    maximumBatchTime: 100,
    maximumQueuedTexts: 1,
    clock: systemClock,
    onBatch: (batch) => (columns += batch.columns.run),
  });
  return async () => {
    columns = 0;
    const { failures } = await batcher.submit(texts, 'bulk');
    if (failures.size > 0) throw new Error(`${failures.size} texts have no answer`);
    return columns;
  };
}

/** Token ids and tensors are made before the clock starts. */
function bareLoop(session: ort.InferenceSession, input: TextInput, runs: Run[]): () => Promise<number> {
  const prepared = input.prepare(texts);
  const batches = runs.map(({ rows, columns }) =>
    Object.fromEntries(
      Object.entries(prepared.feeds(rows, columns)).flatMap(([name, data]) =>
        data instanceof BigInt64Array ? [[name, new ort.Tensor('int64', data, [rows.length, columns])]] : [],
      ),
    ),
  );
  const total = runs.reduce((sum, { rows, columns }) => sum + rows.length * columns, 0);
  return async () => {
    for (const feeds of batches) await session.run(feeds, ['logits']);
    return total;
  };
}

function cut(order: readonly number[], full: (rows: number[]) => boolean): Run[] {
  const runs: Run[] = [];
  let rows: number[] = [];
  for (const row of order) {
    rows.push(row);
    if (!full(rows) && row !== order.at(-1)) continue;
    runs.push({ rows, columns: width(rows) });
    rows = [];
  }
  return runs;
}

function width(rows: readonly number[]): number {
  return Math.max(...rows.map((row) => tokens[row] ?? 0));
}

/** Microseconds of this process and of the host. */
function cpu(host: ModelHost): number {
  const { user, system } = process.cpuUsage();
  return user + system + cpuOf(host.pid);
}

/** English, of lognormal length: half of them under 42 tokens, a tenth over 100. */
function lognormalTexts(): string[] {
  const random = seededRandom('bench', 'lengths');
  const source = paragraphs('eng').join(' ').split(' ');
  return Array.from({ length: count }, () => {
    // Box and Muller, "A Note on the Generation of Random Normal Deviates", 1958.
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const words = Math.max(1, Math.round(Math.exp(3.5 + 0.65 * normal)));
    const from = Math.floor(random() * Math.max(1, source.length - words));
    return source.slice(from, from + words).join(' ');
  });
}
