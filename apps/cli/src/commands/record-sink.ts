import type { Label, Text } from '#libs/events';
import { CliError } from '../cli-error.ts';
import { GatewayClient, GatewayError } from '../gateway-client.ts';
import { type CommonOptions, configuration } from '../options.ts';

export type RecordTopic = 'texts' | 'labels';

/** A record and the line it came from. */
export interface LineRecord {
  line: number;
  value: Text | Label;
}

export interface SinkOptions extends CommonOptions {
  brokers?: string;
  registry?: string;
}

/** Where records go. */
export interface RecordSink {
  /** Resolves when the broker has them; returns those that were refused. */
  send(records: readonly LineRecord[]): Promise<{ line: number; reason: string }[]>;
  close(): Promise<void>;
}

export function openSink(topic: RecordTopic, options: SinkOptions): Promise<RecordSink> {
  return options.brokers === undefined ? gatewaySink(topic, options) : kafkaSink(options);
}

async function gatewaySink(topic: RecordTopic, options: SinkOptions): Promise<RecordSink> {
  const client = await GatewayClient.open(options);
  const { newId } = await import('#libs/platform');
  return {
    async send(records) {
      const refused: { line: number; reason: string }[] = [];
      let left = records;
      while (left.length > 0) {
        try {
          // The ids are set and the body is the same: a retry sends nothing twice.
          await client.patientPost(
            `/v1/${topic}`,
            left.map(({ value }) => wire(value)),
            { 'idempotency-key': newId() },
          );
          break;
        } catch (error) {
          const wrong = refusedLines(error, left);
          if (wrong.length === 0) throw error;
          refused.push(...wrong);
          const lines = new Set(wrong.map(({ line }) => line));
          left = left.filter(({ line }) => !lines.has(line));
        }
      }
      return refused;
    },
    close: () => Promise.resolve(),
  };
}

/** Which records of a refused request were at fault. */
function refusedLines(error: unknown, records: readonly { line: number }[]): { line: number; reason: string }[] {
  if (!(error instanceof GatewayError) || error.status !== 422) return [];
  return (error.problem.errors ?? []).flatMap(({ pointer, message }) => {
    const [, index = '', ...path] = pointer.split('/');
    const record = records[Number(index)];
    return record === undefined || index === '' ? [] : [{ line: record.line, reason: `${path.join('.')}: ${message}` }];
  });
}

/** Times as the gateway takes them. */
function wire(value: Text | Label): Record<string, unknown> {
  const iso = (time: number) => new Date(time).toISOString();
  return 'textId' in value
    ? { ...value, labelledAt: iso(value.labelledAt) }
    : { ...value, occurredAt: iso(value.occurredAt) };
}

async function kafkaSink(options: SinkOptions): Promise<RecordSink> {
  const [{ connectStream, streamSettings }, platform, { config }] = await Promise.all([
    import('#libs/stream'),
    import('#libs/platform'),
    configuration(options),
  ]);
  const settings = streamSettings(config);
  const registryUrl = options.registry ?? settings.registryUrl;
  if (registryUrl === '')
    throw new CliError('--brokers needs the schema registry too: --registry URL, or schemaRegistry.url', {
      exitCode: 2,
    });
  const stream = await connectStream({
    ...settings,
    brokers: (options.brokers ?? '').split(',').map((broker) => broker.trim()),
    registryUrl,
    logger: platform.silentLogger,
    metrics: platform.createMetrics(),
    clock: platform.systemClock,
  });
  const producer = stream.producer();
  return {
    async send(records) {
      const texts = records.flatMap(({ value }) => ('textId' in value ? [] : [{ key: value.id, value }]));
      const labels = records.flatMap(({ value }) => ('textId' in value ? [{ key: value.textId, value }] : []));
      await Promise.all([producer.send('texts', texts), producer.send('labels', labels)]);
      return [];
    },
    close: () => stream.close(),
  };
}
