import { createLogger, systemClock } from '#libs/platform';
import { KafkaBackend } from '../../libs/stream/src/backend/kafkajs/backend.ts';
import { backendContract } from '../../libs/stream/src/testing/backend-contract.ts';
import { testKafka } from '../support/stream.ts';

backendContract(
  'kafkajs on Kafka',
  () =>
    new KafkaBackend({
      brokers: testKafka().brokers,
      clientId: 'contract',
      logger: createLogger('contract', 'silent'),
      clock: systemClock,
      sessionTimeout: 6000,
      heartbeatInterval: 500,
    }),
);
