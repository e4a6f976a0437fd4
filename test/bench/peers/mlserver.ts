import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestStream, testKafka } from '../../support/stream.ts';
import { type PythonPeer, startPython } from './python.ts';
import { model } from '../served-model.ts';

/** MLServer's Kafka server with mlserver_runtime.py, batching as it can, on the topics of a test stream. */
export async function mlserver(
  python: string,
  { topicPrefix }: TestStream,
  bundleDirectory: string,
): Promise<PythonPeer> {
  const folder = await mkdtemp(join(tmpdir(), 'tidemill-bench-mlserver-'));
  const settings = {
    kafka_enabled: true,
    kafka_servers: testKafka().brokers.join(','),
    kafka_topic_input: `${topicPrefix}texts`,
    kafka_topic_output: `${topicPrefix}predictions`,
    host: '127.0.0.1',
    http_port: 18_080,
    grpc_port: 18_081,
    metrics_port: 18_082,
    parallel_workers: 0,
  };
  const served = {
    name: model,
    implementation: 'mlserver_runtime.TextModel',
    max_batch_size: 512,
    max_batch_time: 0.01,
  };
  await writeFile(join(folder, 'settings.json'), JSON.stringify(settings));
  await writeFile(join(folder, 'model-settings.json'), JSON.stringify(served));
  const peer = await startPython(python, [join(dirname(python), 'mlserver'), 'start', folder], {
    ready: /Reading messages from consumer/,
    env: { BENCH_BUNDLE: bundleDirectory },
    cwd: folder,
  });
  return {
    pid: peer.pid,
    async [Symbol.asyncDispose]() {
      await peer[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
