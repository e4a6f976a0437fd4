import { z } from 'zod';

/** Every key of the configuration with its default and a sentence. infra/config/tidemill.yaml is generated from it. */

const port = z.number().int().min(0).max(65_535);
const count = z.number().int().min(1);
const duration = z.string().regex(/^\d+(ms|s|m|h|d)$/, 'must be a duration such as 500ms, 30s, 10m, 1h or 7d');
const share = z.number().min(0).max(1);
const text = z.string();

/** A section whose keys all have defaults: unknown keys are errors, an absent section is all defaults. */
function section<T extends z.ZodRawShape>(shape: T) {
  const strict = z.strictObject(shape);
  return strict.prefault({} as z.input<typeof strict>);
}

const http = section({
  host: text.default('127.0.0.1').describe('Address the gateway listens on; anything but loopback needs http.token.'),
  port: port.default(8080).describe('Port of the gateway; if taken, the next free one.'),
  token: text.default('').describe('Bearer token that requests must carry; empty: none, loopback only.'),
  maximumRequests: count
    .default(256)
    .describe('Requests worked on at once; more are refused with 503 and Retry-After.'),
  maximumInFlightMegabytes: count
    .default(64)
    .describe('Request bodies held at once, waiting for the broker or for inference; more are refused.'),
  maximumEventClients: count.default(64).describe('Open connections to /v1/events; more are refused.'),
  acknowledgeTimeout: duration
    .default('15s')
    .describe('Longest wait for the broker to acknowledge texts and labels before a request is answered 503.'),
});

const kafka = section({
  brokers: text
    .default('')
    .describe('Comma-separated bootstrap brokers of an external Kafka; empty: the embedded one.'),
  clientId: text.default('tidemill').describe('Client id shown in broker logs and quotas.'),
  topicPrefix: text.default('').describe('Put before every topic, schema subject and consumer group.'),
  replicationFactor: z
    .number()
    .int()
    .min(-1)
    .default(-1)
    .describe(
      'Replicas of topics we create; with 3 or more two must have a record before it is acknowledged. -1: the broker decides.',
    ),
  ssl: z.boolean().default(false).describe('Connect with TLS.'),
  saslMechanism: z
    .enum(['', 'plain', 'scram-sha-256', 'scram-sha-512'])
    .default('')
    .describe('SASL mechanism; empty: none.'),
  saslUsername: text.default('').describe('SASL user name.'),
  saslPassword: text.default('').describe('SASL password (secret).'),
  sessionTimeout: duration
    .default('45s')
    .describe(
      'Consumer session time-out: how long a dead consumer keeps its partitions. With the embedded Kafka 15s unless set.',
    ),
  embeddedPort: port.default(9092).describe('Port of the embedded Kafka; if taken, the next free one.'),
  embeddedHeapMegabytes: count.default(256).describe('Heap of the embedded Kafka.'),
});

const schemaRegistry = section({
  url: text.default('').describe('Confluent-compatible schema registry; empty: the embedded Apicurio.'),
  username: text.default('').describe('Basic authentication user.'),
  password: text.default('').describe('Basic authentication password (secret).'),
  embeddedPort: port.default(8081).describe('Port of the embedded registry; if taken, the next free one.'),
});

const clickhouse = section({
  url: text.default('').describe('HTTP URL of a ClickHouse server; empty: the embedded engine.'),
  username: text.default('default').describe('User on the server.'),
  password: text.default('').describe('Password on the server (secret).'),
  database: text.default('tidemill').describe('Database of the tables.'),
  cluster: text.default('').describe('Cluster name: tables become replicated and distributed; empty: a single server.'),
  embeddedMemoryMegabytes: count.default(2048).describe('Memory limit of the embedded engine.'),
});

const java = section({
  home: text
    .default('')
    .describe('Java installation for the embedded Kafka and registry; empty: JAVA_HOME, PATH and the usual folders.'),
  mavenRepository: text
    .default('')
    .describe('Maven repository the embedded parts are fetched from; empty: Maven Central.'),
});

const stream = section({
  acceptJson: z
    .boolean()
    .default(true)
    .describe('Accept plain JSON (first byte `{`) on texts and labels besides Avro.'),
  partitions: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe('Partitions of texts, labels and predictions; 0: as schemas/topics says.'),
  eventHeaders: z
    .enum(['all', 'control', 'none'])
    .default('control')
    .describe('Records that carry CloudEvents headers; control: all but texts, labels and predictions.'),
  maximumTextBytes: count.default(1_048_576).describe('Longest text accepted, as UTF-8 bytes.'),
  deadLetterConsecutive: count
    .default(500)
    .describe('Dead letters in a row after which a consumer stops: a bad deploy, not bad data.'),
  deadLetterShare: share
    .default(0.5)
    .describe('Share of dead letters among the last 1,000 records above which a consumer stops.'),
});

const inference = section({
  url: text.default('').describe('Where the gateway finds inference (comma-separated when several).'),
  host: text.default('127.0.0.1').describe('Address the inference service listens on.'),
  port: port.default(8082).describe('Port of the inference service.'),
  instance: text.default('').describe('Name of this instance in serving-status; empty: host name and port.'),
  executionProviders: z
    .array(z.enum(['cpu', 'cuda', 'tensorrt', 'dml', 'coreml']))
    .min(1)
    .default(['cpu'])
    .describe('ONNX Runtime execution providers in order of preference.'),
  threads: count.default(1).describe('Intra-op threads of a model host.'),
  hosts: count
    .default(1)
    .describe('Host processes of each version that serves; hosts × threads must not exceed the cores.'),
  maximumBatchTokens: count
    .default(65_536)
    .describe('Padded length of one batch: texts × longest text, in UTF-16 units.'),
  maximumBatchTime: duration
    .default('100ms')
    .describe('How long a batch should take at most, as measured; a slow model gets smaller batches.'),
  maximumQueuedTexts: count
    .default(10_000)
    .describe('Synchronous texts waiting for a batch before requests are refused with 429.'),
  requestTimeout: duration.default('10s').describe('Longest wait of a synchronous prediction.'),
  maximumStaleness: duration
    .default('0s')
    .describe(
      'How long an outdated version may serve while a newer one cannot be loaded; after that texts wait and requests get 503. 0s: for ever.',
    ),
  memoryBudgetMegabytes: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe(
      'Memory of all model hosts of an instance. To make room challengers are given up, then models unloaded; those that do not fit together take turns; 0: no limit.',
    ),
  idleUnload: duration
    .default('0s')
    .describe(
      'A model that nobody has used for this long is unloaded, and loaded again with its next text; 0s: never.',
    ),
  canaryTimeout: duration
    .default('1s')
    .describe('Time a canary has for a batch of its texts before the champion answers them.'),
  shadowQueueTexts: count
    .default(10_000)
    .describe('Answered texts that wait to be scored by a challenger; what does not fit is left out and counted.'),
  fetchBytesPerPartition: count
    .default(131_072)
    .describe('Compressed bytes one fetch takes from a partition; while they are decoded nothing else happens.'),
});

const monitoring = section({
  host: text.default('127.0.0.1').describe('Address the monitoring service listens on.'),
  port: port.default(8083).describe('Port of the monitoring service.'),
  url: text.default('').describe('Where the gateway finds monitoring.'),
  window: section({
    duration: duration.default('1h').describe('Windows end at multiples of this event time.'),
    minimumTexts: count.default(300).describe('A window stays open until it holds this many texts.'),
    maximumTexts: count
      .default(20_000)
      .describe('Texts of a window that are compared; more are sampled by a hash of their id.'),
    allowedLateness: duration.default('1m').describe('How far the watermark stays behind the newest text.'),
    idleTimeout: duration
      .default('30s')
      .describe('Without new texts for this long the watermark moves to the newest text.'),
  }),
  reference: section({
    texts: count.default(1200).describe('First texts after a promotion that become the frozen reference window.'),
  }),
  drift: section({
    seed: z.number().int().default(42).describe('Seed of the calibration draws.'),
    draws: z.number().int().min(99).default(199).describe('Held-out reference windows that a null is made of.'),
    falseAlarmRate: share.default(0.01).describe('Share of unchanged windows that may be called a warning or more.'),
    driftZScore: z
      .number()
      .positive()
      .default(6)
      .describe('Null standard deviations that a change of the texts must reach for drift.'),
    minimumAccuracyFall: share
      .default(0.05)
      .describe('Fall of the expected accuracy that is no drift yet, however certain.'),
    noveltyRise: share.default(0.1).describe('Rise of an out-of-vocabulary share that is no drift yet.'),
    falseDiscoveryRate: share.default(0.05).describe('Share of the words on a drift card that may be there by chance.'),
  }),
  performance: section({
    rollingLabels: count.default(200).describe('The rolling figures look at this many last labelled texts.'),
    bootstrapResamples: count.default(500).describe('Bootstrap resamples of the macro-F1 interval.'),
  }),
});

const retraining = section({
  host: text.default('127.0.0.1').describe('Address the retraining service listens on.'),
  port: port.default(8084).describe('Port of the retraining service.'),
  url: text.default('').describe('Where others find retraining, its registry and bundles.'),
  coolDown: duration.default('1h').describe('Event time after a retraining in which policies (not people) are held.'),
  seed: z.number().int().default(42).describe('Seed of the split and of training.'),
  holdoutShare: share.default(0.25).describe('Share of text groups never trained on.'),
  groupAttribute: text
    .default('group')
    .describe('Text attribute that names texts which must not be split between training and evaluation.'),
  trainingTimeout: duration.default('1h').describe('A trainer process that takes longer is ended.'),
  triggers: section({
    schedule: text.default('').describe('Cron expression of scheduled retraining (UTC); empty: none.'),
    accuracyBelow: share.default(0.82).describe('Rolling accuracy under which retraining is asked for; 0: never.'),
    accuracyMinimumLabels: count.default(100).describe('Labelled texts needed before the accuracy trigger looks.'),
    newLabels: z
      .number()
      .int()
      .min(0)
      .default(1000)
      .describe('New labels since the last training above which retraining is asked for; 0: never.'),
    drift: z.boolean().default(true).describe('Retrain when a drift report says drift.'),
    driftMinimumLabels: z
      .number()
      .int()
      .min(0)
      .default(200)
      .describe('New labels needed since the drift began before it can be learned from.'),
  }),
  gates: section({
    minimumAccuracy: share.default(0.8).describe('Accuracy on the holdout texts that a version must reach.'),
    minimumMacroF1: share.default(0.6).describe('Macro-F1 that a first version must reach.'),
    macroF1Margin: z.number().default(0).describe('Macro-F1 must exceed the champion by more than this.'),
    significance: share
      .default(0.05)
      .describe("A version that McNemar's test calls worse than the champion at this level is refused."),
    minimumRecall: share.default(0.5).describe('Recall that every class with enough support must reach.'),
    recallSupport: count.default(20).describe('Labelled holdout texts a class needs before its recall is gated.'),
    maximumLatency: duration.default('500ms').describe('Time one text may take in a model host.'),
  }),
  rollback: section({
    enabled: z
      .boolean()
      .default(true)
      .describe('Watch the live figures of a promoted version and roll it back when it is clearly worse.'),
    minimumLabels: count.default(50).describe('Live labels needed before a rollback is considered.'),
    significance: share.default(0.01).describe('Error rate of the rollback test over the whole watch.'),
    watchedLabels: count.default(2000).describe('Live labels after which a promoted version is watched no longer.'),
  }),
  canary: section({
    enabled: z
      .boolean()
      .default(true)
      .describe('Promote a canary that is clearly better than the champion, withdraw one that is not.'),
    share: z
      .number()
      .min(0)
      .max(0.5)
      .default(0)
      .describe(
        'Share of the texts that a version which passed its gates answers as a canary, until labels decide; 0: it is promoted at once.',
      ),
    significance: share.default(0.01).describe('Error rate of the trial in each direction, however often it looks.'),
    minimumLabels: count.default(50).describe('Labels of texts that both answered before a canary is decided about.'),
    maximumLabels: count
      .default(10_000)
      .describe('Labels after which a canary without a clear difference is withdrawn.'),
    silence: duration
      .default('10m')
      .describe('A canary that has answered nothing for this long, while the champion has, is withdrawn.'),
  }),
});

const signing = section({
  privateKey: text
    .default('')
    .describe(
      'Ed25519 private key that retraining signs version events with: PEM, or the path of a PEM file; empty: unsigned (secret).',
    ),
  publicKeys: z
    .array(text)
    .default([])
    .describe(
      'Ed25519 public keys of which one must have signed a version event: PEM or paths; empty: that of privateKey, or none.',
    ),
});

const log = section({
  level: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal'])
    .default('info')
    .describe('Least severe log lines written.'),
});

export const configurationSchema = z.strictObject({
  dataDirectory: text
    .default('.tidemill')
    .describe('Where the embedded parts, model bundles and runs keep their data.'),
  http,
  kafka,
  schemaRegistry,
  clickhouse,
  java,
  stream,
  inference,
  monitoring,
  retraining,
  signing,
  log,
});

/** The effective configuration, all keys present. */
export type Configuration = z.output<typeof configurationSchema>;

/** Keys whose value is never shown. */
export const secretKeys = /(password|token|privateKey)$/i;

const unit: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a configured duration such as `30s`. */
export function milliseconds(value: string): number {
  const match = /^(\d+)(ms|s|m|h|d)$/.exec(value);
  if (match === null) throw new RangeError(`not a duration: ${value}`);
  return Number(match[1]) * (unit[match[2] ?? ''] ?? Number.NaN);
}
