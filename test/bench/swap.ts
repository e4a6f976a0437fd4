/**
 * Latency of synchronous predictions while versions are being swapped, beside the same load in quiet: phases in turns,
 * texts streaming through the same host all the time. `npm run bench swap`
 */
import { temporaryFolder } from '../../libs/model/src/testing/test-bundle.ts';
import { openTestStream } from '../support/stream.ts';
import { quantile } from './cpu.ts';
import { model, realTexts, startInference, storeModel, versionEvent } from './served-model.ts';

const phases = 10;
const phaseMilliseconds = 4000;
const requestEvery = 10;
const swapEvery = 1000;
/** Texts a second through the same host. */
const streamRate = 2000;

await using folder = await temporaryFolder();
await using test = await openTestStream();
const bundles = [await storeModel(folder.path, 1), await storeModel(folder.path, 2)];
const texts = realTexts();
const producer = test.stream.producer();
let epoch = 0;
const promote = async () => {
  const bundle = bundles[epoch % 2];
  if (bundle !== undefined)
    await producer.send('model-versions', [{ key: model, value: versionEvent(bundle, ++epoch) }]);
};
await promote();
await using inference = startInference(test, folder.path);
const url = `${await inference.url}/v1/models/${model}/predict`;
let streamed = 0;
const streaming = setInterval(() => {
  const records = Array.from({ length: streamRate / 10 }, () => {
    const id = `t${streamed++}`;
    const text = texts[streamed % texts.length] ?? '';
    return { key: id, value: { id, model, text, occurredAt: streamed, source: 'bench', attributes: {} } };
  });
  void producer.send('texts', records);
}, 100);
const latencies = { quiet: new Array<number>(), swapping: new Array<number>() };
const seen = new Set<number>();
await phase(undefined);
for (let i = 0; i < phases; i++) {
  await phase(latencies.quiet);
  const swapping = setInterval(() => void promote(), swapEvery);
  await phase(latencies.swapping);
  clearInterval(swapping);
}
clearInterval(streaming);
const shown = (values: number[]) =>
  `p50 ${quantile(values, 0.5).toFixed(1)} ms, p99 ${quantile(values, 0.99).toFixed(1)} ms, worst ${Math.max(...values).toFixed(1)} ms (${values.length} requests)`;
console.log(`quiet: ${shown(latencies.quiet)}`);
console.log(`swapping every ${swapEvery} ms: ${shown(latencies.swapping)}, ${seen.size} versions answered`);
const ratio = quantile(latencies.swapping, 0.99) / quantile(latencies.quiet, 0.99);
console.log(
  `ratio of the p99: ${ratio.toFixed(2)} ×, with ${streamRate} texts a second streaming through the same host`,
);

/** Open loop: a request every few milliseconds, whatever happened to those before. */
async function phase(into: number[] | undefined): Promise<void> {
  const requests: Promise<void>[] = [];
  for (let sent = 0; sent < phaseMilliseconds / requestEvery; sent++) {
    requests.push(request(into));
    await new Promise((resolve) => setTimeout(resolve, requestEvery));
  }
  await Promise.all(requests);
}

async function request(into: number[] | undefined): Promise<void> {
  const body = JSON.stringify({ texts: [texts[streamed % texts.length] ?? ''] });
  const started = performance.now();
  const response = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`${response.status}: ${JSON.stringify(answer)}`);
  into?.push(performance.now() - started);
  if (typeof answer === 'object' && answer !== null && 'epoch' in answer) seen.add(Number(answer.epoch));
}
