import { defineErrors } from '#libs/platform';

export const embeddedError = defineErrors({
  DATA_DIRECTORY_HELD: {
    message: 'another Tidemill uses this data directory: stop it, or start this one with another --data-dir',
    retriable: true,
  },
  JAVA_MISSING: {
    message:
      'the embedded Kafka and schema registry need Java 17 or newer; none was found, and none could be fetched. Install one (Debian, Ubuntu: ' +
      'apt install openjdk-17-jre-headless; macOS: brew install openjdk@21; others: https://adoptium.net), point java.home ' +
      'or JAVA_HOME to one, or use servers of your own: kafka.brokers and schemaRegistry.url, for which docker-compose.yml has containers',
    retriable: false,
  },
  JAVA_HOME_UNUSABLE: { message: 'java.home is not a Java 17 or newer', retriable: false },
  ARTIFACT_UNREACHABLE: {
    message:
      'a file (of the embedded Kafka, of the schema registry or of an encoder) could not be fetched. It is needed once; what has ' +
      'come is kept. Behind a mirror set java.mavenRepository to its address; without a network set it to a folder with a copy ' +
      'of a Maven repository. Kafka and the registry may be servers of your own: kafka.brokers and schemaRegistry.url',
    retriable: true,
  },
  ENCODER_UNKNOWN: { message: 'there is no such encoder', retriable: false },
  ARTIFACT_ALTERED: {
    message: 'a fetched file is not the one that libs/embedded/src/artifacts.lock.json names, and was deleted',
    retriable: true,
  },
  ENGINE_START_FAILED: { message: 'an embedded engine did not start', retriable: true },
  ENGINE_DIED: { message: 'an embedded engine ended by itself', retriable: false },
});
