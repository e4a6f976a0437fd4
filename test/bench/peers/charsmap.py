"""Prints the compiled character map that sentencepiece puts into models with its default normaliser, in base64."""

import base64
import io

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

model = io.BytesIO()
sentencepiece.SentencePieceTrainer.train(
    sentence_iterator=iter(["all human beings are born free and equal"] * 100),
    model_writer=model,
    vocab_size=100,
    hard_vocab_limit=False,
    minloglevel=2,
)
proto = sentencepiece_model_pb2.ModelProto()
proto.ParseFromString(model.getvalue())
print(base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode())
