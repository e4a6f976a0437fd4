import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { type TestStream, testKafka } from '../../support/stream.ts';
import { type PythonPeer, startPython } from './python.ts';

const schemas = join(import.meta.dirname, '..', '..', '..', 'schemas', 'events');

/** kafka_consumer.py on the topics of a test stream, reading and writing the same Avro records. */
export async function pythonConsumer(
  python: string,
  { topicPrefix }: TestStream,
  bundleDirectory: string,
): Promise<PythonPeer> {
  const { brokers, registryUrl } = testKafka();
  const registered = await fetch(`${registryUrl}/subjects/${topicPrefix}predictions-value/versions/latest`);
  const { id } = z.object({ id: z.number() }).parse(await registered.json());
  const [text, prediction] = ['text', 'prediction'].map((name) =>
    readFileSync(join(schemas, `${name}.v1.avsc`), 'utf8'),
  );
  const where = [brokers.join(','), topicPrefix, bundleDirectory];
  return await startPython(python, ['kafka_consumer.py', ...where, text ?? '', prediction ?? '', String(id)]);
}
