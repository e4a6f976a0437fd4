"""The built-in model as an MLServer runtime."""

import os

from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput

from classifier import Classifier


class TextModel(MLModel):
    async def load(self) -> bool:
        self.classifier = Classifier(os.environ["BENCH_BUNDLE"])
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        texts = StringCodec.decode_input(payload.inputs[0])
        rows = self.classifier.probabilities(texts)
        labels = [self.classifier.labels[i] for i in rows.argmax(axis=1)]
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                StringCodec.encode_output("label", labels),
                ResponseOutput(
                    name="probabilities", shape=list(rows.shape), datatype="FP32", data=rows.ravel().tolist()
                ),
            ],
        )
