import { expect, it } from 'vitest';
import { standaloneConfiguration } from './configuration.ts';

const session = (env: NodeJS.ProcessEnv) => standaloneConfiguration({ stream: 'none' }, env).kafka.sessionTimeout;

it('lets the embedded Kafka give up killed consumers soon, unless told otherwise', () => {
  expect(session({})).toBe('15s');
  expect(session({ TIDEMILL__KAFKA__SESSIONTIMEOUT: '45s' })).toBe('45s');
  expect(session({ TIDEMILL__KAFKA__BROKERS: 'kafka:9092' })).toBe('45s');
});
