/**
 * What one writes first: an HTTP server that runs the model in its own thread and loads the next one there as well.
 * Arguments: port, texts a second to answer beside requests, two files model.onnx. `POST /` answers a text,
 * `POST /reload` takes the other model.
 */
import { createServer } from 'node:http';
import { json } from 'node:stream/consumers';
import ort from 'onnxruntime-node';
import { z } from 'zod';
import { encodeUtf16 } from '#libs/normalisation';
import { realTexts } from '../served-model.ts';

const [, , port = '', rate = '', ...models] = process.argv;
const body = z.object({ texts: z.array(z.string()) });
let loaded = 0;
let session = await load();

function load(): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(models[loaded++ % models.length] ?? '', { intraOpNumThreads: 1 });
}

async function answer(texts: string[]): Promise<number[]> {
  const { units, rows, columns } = encodeUtf16(texts);
  const used = session;
  const results = await used.run({ [used.inputNames[0] ?? '']: new ort.Tensor('int32', units, [rows, columns]) });
  const data = results[used.outputNames[0] ?? '']?.data;
  return data instanceof Float32Array ? [...data] : [];
}

/** What streams through Tidemill's host; Kafka costs nothing here. */
const beside = realTexts();
const started = performance.now();
let streamed = 0;
setInterval(() => {
  const due = Math.floor(((performance.now() - started) * Number(rate)) / 1000) - streamed;
  streamed += due;
  void answer(Array.from({ length: due }, (_, i) => beside[(streamed + i) % beside.length] ?? ''));
}, 20);

createServer((request, response) => {
  const work = async () => {
    if (request.url === '/reload') {
      session = await load();
      return { version: loaded };
    }
    return { version: loaded, probabilities: await answer(body.parse(await json(request)).texts) };
  };
  work().then(
    (said) => response.end(JSON.stringify(said)),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
}).listen(Number(port), '127.0.0.1', () => process.send?.('ready'));
