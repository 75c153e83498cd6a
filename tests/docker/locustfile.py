"""The smallest load there is: asks the engine how it is. For tests of how Locust is packaged."""

import os

from locust import HttpUser, constant_pacing, task


class Visitor(HttpUser):
    host = os.environ["AWS_ENDPOINT_URL"]
    wait_time = constant_pacing(0.1)

    @task
    def health(self) -> None:
        self.client.get("/_localstack/health")
