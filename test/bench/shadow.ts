/**
 * What a shadow costs those who wait for the champion: synchronous predictions and the stream at half load, in turns
 * without and with a shadow that scores every text once more. `npm run bench shadow`
 */
import { temporaryFolder } from '../../libs/model/src/testing/test-bundle.ts';
import { openTestStream } from '../support/stream.ts';
import { cpuOf, median, quantile } from './cpu.ts';
import { halfLoad, openLoop, shownLatencies } from './open-loop.ts';
import { model, realTexts, startInference, storeModel, promotion } from './served-model.ts';

const rounds = Number(process.env['BENCH_ROUNDS'] ?? 10);
const phaseMilliseconds = 4000;

await using folder = await temporaryFolder();
await using test = await openTestStream();
const champion = await storeModel(folder.path, 1);
const { digest } = await storeModel(folder.path, 2);
const texts = realTexts();
const producer = test.stream.producer();
let revision = 0;
const tell = async (shadow: boolean) => {
  const challengers = shadow ? [{ version: 2, bundleDigest: digest, role: 'shadow' as const, share: 0 }] : [];
  const value = { ...promotion(champion, 1), revision: revision++, challengers };
  await producer.send('model-versions', [{ key: model, value }]);
};
await tell(false);
await using inference = startInference(test, folder.path);
const base = await inference.url;
const url = `${base}/v1/models/${model}/predict`;
await using load = await halfLoad(test);
const results = { alone: new Array<Phase>(), shadowed: new Array<Phase>() };
interface Phase {
  latencies: number[];
  /** CPU microseconds of the consumer process, a streamed text. */
  cpu: number;
}
const shadowed = async () => Number(/^tidemill_shadow_predictions_total\S* (\d+)/m.exec(await metrics())?.[1] ?? 0);
const before = await shadowed();
await phase();
for (let round = 0; round < rounds; round++) {
  results.alone.push(await phase());
  await tell(true);
  await untilScoring();
  results.shadowed.push(await phase());
  await tell(false);
  process.stderr.write(`round ${round + 1} of ${rounds}\n`);
}
const scored = (await shadowed()) - before;
const shed = Number(/^tidemill_shadow_shed_total\S* (\d+)/m.exec(await metrics())?.[1] ?? 0);
for (const [name, phases] of Object.entries(results)) {
  const cpu = phases.map((one) => one.cpu);
  const spread = `${median(cpu).toFixed(1)} µs (${Math.min(...cpu).toFixed(1)}–${Math.max(...cpu).toFixed(1)})`;
  console.log(`${name}: ${shownLatencies(phases.flatMap(({ latencies }) => latencies))}, consumer ${spread} a text`);
}
for (const share of [0.5, 0.99]) {
  const of = ({ latencies }: Phase) => quantile(latencies, share);
  const ratios = results.shadowed.map((one, i) => of(one) / of(results.alone[i] ?? one));
  const spread = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`;
  console.log(`p${share * 100}, shadowed ÷ alone: median of ${rounds} pairs ${median(ratios).toFixed(2)} (${spread})`);
}
console.log(`${scored} texts scored by the shadow, ${shed} left out`);

async function phase(): Promise<Phase> {
  const cpu = cpuOf(inference.pid);
  const latencies = await openLoop({ url, texts, duration: phaseMilliseconds, every: 10 });
  const streamed = (load.rate * phaseMilliseconds) / 1000;
  return { latencies, cpu: (cpuOf(inference.pid) - cpu) / streamed };
}

async function metrics(): Promise<string> {
  return await (await fetch(`${base}/metrics`)).text();
}

async function untilScoring(): Promise<void> {
  const had = await shadowed();
  while ((await shadowed()) === had) await new Promise((resolve) => setTimeout(resolve, 50));
}
