import { defineErrors } from '#libs/platform';

export const streamError = defineErrors({
  STREAM_UNKNOWN: { message: 'there is no such stream; the streams are somali, mail and none', retriable: false },
  STREAM_DATA_MISSING: { message: 'the data of the stream are not installed', retriable: false },
  STREAM_DATA_UNEXPECTED: { message: 'the data of the stream are not the expected ones', retriable: false },
  STREAM_REFUSED: { message: 'the loop did not take what the stream sent', retriable: false },
  STREAM_STUCK: {
    message: 'the loop did not come to rest; see logs/tidemill.log in the data directory',
    retriable: true,
  },
});
