export { type Encoder, encoderNames, fetchEncoder } from './encoder.ts';
export { directoryOwner } from './directory-lock.ts';
export {
  type EmbeddedStack,
  type EmbeddedStackOptions,
  fetchKafkaLibraries,
  startEmbeddedStack,
} from './embedded-stack.ts';
