/**
 * Kafka in, Kafka out: CPU time a text of inference with the built-in model, beside what one would pick instead, with the
 * same model, texts and broker, in turns. `npm run bench inference`
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Prediction, Text } from '#libs/events';
import { temporaryFolder } from '../../libs/model/src/testing/test-bundle.ts';
import { openTestStream, type TestStream, testKafka } from '../support/stream.ts';
import { cpuOf, familyCpu, median } from './cpu.ts';
import { mlserver } from './peers/mlserver.ts';
import { pythonConsumer } from './peers/python-consumer.ts';
import { pythonWith } from './peers/python.ts';
import { model, startInference, storeModel, textRecords, promotion } from './served-model.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 5);
const perSend = 1000;
/** Of each candidate, before the clock starts: compilers and caches take as long everywhere. */
const warmUpMilliseconds = 5000;

/** Something that reads `texts` and writes `predictions`. */
interface Candidate {
  name: string;
  /** Texts of a round. */
  count: number;
  start: (test: TestStream) => Promise<AsyncDisposable & { pid: number }>;
  /** How it takes a text; undefined: as Tidemill's Avro. */
  encode?: (text: Text) => { value: Buffer; headers?: Record<string, string> };
}

await using folder = await temporaryFolder();
const bundle = await storeModel(folder.path);
const python = await pythonWith('requirements.txt');
const mlserverPython = await pythonWith('requirements-mlserver.txt');
const candidates: Candidate[] = [
  { name: 'Tidemill', count: 60_000, start: startTidemill },
  { name: 'Python consumer', count: 20_000, start: (test) => pythonConsumer(python, test, bundle.directory) },
  { name: "Nest's Kafka transport", count: 4000, start: startNest, encode: (text) => ({ value: json(text) }) },
  {
    name: 'MLServer',
    count: 2000,
    start: (test) => mlserver(mlserverPython, test, bundle.directory),
    encode: inferenceRequest,
  },
];
const costs = new Map(candidates.map(({ name }) => [name, new Array<{ consumer: number; all: number }>()]));
const labels = new Map<string, Map<string, string>>();
for (let round = 1; round <= rounds; round++) {
  for (const candidate of candidates) costs.get(candidate.name)?.push(await measure(candidate));
  process.stderr.write(`round ${round} of ${rounds}\n`);
}

console.log('| | CPU a text | texts a second and core | Tidemill, with its model host, answers |\n|---|---|---|---|');
const ours = costs.get('Tidemill') ?? [];
row(
  'Tidemill, consumer process alone',
  ours.map(({ consumer }) => consumer),
);
for (const [name, of] of costs)
  row(
    name === 'Tidemill' ? 'Tidemill, with its model host' : name,
    of.map(({ all }) => all),
  );
const [first, second] = [labels.get('Tidemill'), labels.get('Python consumer')];
const same = [...(second ?? [])].filter(([id, label]) => first?.get(id) === label).length;
console.log(`\nlabels of the Python consumer equal to Tidemill's: ${same} of ${second?.size ?? 0}`);

function row(name: string, values: readonly number[]): void {
  const spread = `${Math.min(...values).toFixed(1)}–${Math.max(...values).toFixed(1)}`;
  const ratio = values.map((value, round) => value / (ours[round]?.all ?? Number.NaN));
  const times = name.startsWith('Tidemill')
    ? ''
    : `${median(ratio).toFixed(1)} × as many (${Math.min(...ratio).toFixed(1)}–${Math.max(...ratio).toFixed(1)})`;
  console.log(
    `| ${name} | ${median(values).toFixed(1)} µs (${spread}) | ${(1e6 / median(values)).toFixed(0)} | ${times} |`,
  );
}

/** CPU microseconds a text, after a warm-up. */
async function measure({ name, count, start, encode }: Candidate): Promise<{ consumer: number; all: number }> {
  await using test = await openTestStream();
  await using peer = await start(test);
  const producer = test.stream.producer();
  const send = async (from: number, until: number) => {
    for (let next = from; next < until; next += perSend) {
      const records = textRecords(next, Math.min(perSend, until - next));
      if (encode === undefined) await producer.send('texts', records);
      else
        await producer.sendRaw(
          'texts',
          records.map(({ key, value }) => ({ key, ...encode(value) })),
        );
    }
    await answered(test, until);
  };
  let warmUp = 0;
  for (const end = performance.now() + warmUpMilliseconds; performance.now() < end;)
    await send(warmUp, (warmUp += Math.ceil(count / 20)));
  const before = { own: cpuOf(peer.pid), all: await familyCpu(peer.pid) };
  await send(warmUp, warmUp + count);
  const after = { own: cpuOf(peer.pid), all: await familyCpu(peer.pid) };
  if (encode === undefined && !labels.has(name)) labels.set(name, await labelsOf(test));
  return { consumer: (after.own - before.own) / count, all: (after.all - before.all) / count };
}

async function startTidemill(test: TestStream) {
  await test.stream.producer().send('model-versions', [{ key: model, value: promotion(bundle, 1) }]);
  const inference = startInference(test, folder.path);
  await inference.url;
  return inference;
}

async function startNest({ topicPrefix }: TestStream) {
  const modelPath = join(bundle.directory, 'model.onnx');
  const arguments_ = [testKafka().brokers.join(','), topicPrefix, modelPath, bundle.manifest.labels.join(',')];
  const peer = fork(join(import.meta.dirname, 'peers', 'nest-kafka.ts'), arguments_, {
    execArgv: ['--conditions=tidemill-source'],
  });
  await once(peer, 'message');
  return {
    pid: peer.pid ?? 0,
    [Symbol.asyncDispose]: async () => void (peer.kill('SIGKILL'), await once(peer, 'exit')),
  };
}

async function answered({ stream }: TestStream, count: number): Promise<void> {
  for (const deadline = performance.now() + 120_000; performance.now() < deadline;) {
    const ends = await stream.admin.endOffsets('predictions');
    if (ends.reduce((sum, { high }) => sum + Number(high), 0) >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('the texts have not been answered within two minutes');
}

async function labelsOf({ stream }: TestStream): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  const note = ({ value }: { value: Prediction | null }) =>
    void (value !== null && found.set(value.textId, value.label));
  await stream.readToEnd('predictions', note);
  return found;
}

/** Open Inference Protocol, as MLServer's Kafka server takes it. */
function inferenceRequest({ text }: { text: string }) {
  const inputs = [{ name: 'text', shape: [1], datatype: 'BYTES', data: [text] }];
  return { value: json({ inputs }), headers: { 'mlserver-model': model } };
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
