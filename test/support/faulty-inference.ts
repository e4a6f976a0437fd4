import 'reflect-metadata';
import { createLogger, createMetrics, loadConfig, Readiness, reasonOf, Shutdown, systemClock } from '#libs/platform';
import { defaultStreamSettings, streamSettings } from '#libs/stream';
import { built } from './built.ts';
import { type ArmedFault, FaultPoints, faultyBackend, faultyStream, type Mutant, mutants } from './fault-points.ts';

/**
 * Inference as it was built, on a stream with fault points: what main.js of inference does, with the ports wrapped. The
 * parent arms a point with a message. CRASH_MUTANT makes it wrong, CRASH_SESSION is the session in milliseconds.
 */

type Built = {
  inference: typeof import('../../apps/inference/src/inference.app.ts');
  backend: typeof import('../../libs/stream/src/backend/kafkajs/backend.ts');
  registry: typeof import('../../libs/stream/src/codec/confluent-registry.ts');
  stream: typeof import('../../libs/stream/src/stream.ts');
};

async function main(): Promise<void> {
  const { config } = loadConfig({ env: process.env });
  const points = new FaultPoints();
  process.on('message', (fault: ArmedFault) => {
    points.arm(fault);
    process.send?.('armed');
  });
  const mutant = mutants.find((name): name is Mutant => name === process.env['CRASH_MUTANT']);
  const logger = createLogger('inference', config.log.level);
  const shutdown = new Shutdown(logger);
  shutdown.onSignals((code) => process.exit(code));
  process.on('disconnect', () => process.exit(1));
  const services = { logger, clock: systemClock, readiness: new Readiness(), metrics: createMetrics() };
  const onFatal = () => void shutdown.run().then(() => process.exit(1));
  const { KafkaBackend } = await built<Built['backend']>('libs/stream/src/backend/kafkajs/backend.js');
  const { ConfluentRegistry } = await built<Built['registry']>('libs/stream/src/codec/confluent-registry.js');
  const { createStream } = await built<Built['stream']>('libs/stream/src/stream.js');
  const { createInference } = await built<Built['inference']>('apps/inference/src/inference.app.js');
  const settings = { ...defaultStreamSettings, ...streamSettings(config) };
  const session = { sessionTimeout: Number(process.env['CRASH_SESSION']), heartbeatInterval: 300 };
  const backend = new KafkaBackend({ ...settings, ...services, ...session });
  const schemas = new ConfluentRegistry({ url: settings.registryUrl, clientId: settings.clientId, timeout: 2000 });
  const ports = { backend: faultyBackend(backend, points, mutant), schemas, closeSchemas: () => schemas.close() };
  const stream = faultyStream(createStream(ports, settings, { ...services, onFatal }), points, mutant);
  shutdown.add('stream', () => stream.close());
  const inference = await createInference({ config, ...services, stream });
  shutdown.add('inference', () => inference.close());
  logger.info({ url: inference.url }, 'inference listens');
}

main().catch((error: unknown) => {
  process.stderr.write(`inference: ${reasonOf(error)}\n`);
  process.exit(1);
});
