"""Redis lost in the middle of a journey costs speed, and nothing else."""

from pathlib import Path

from tests.street import open_street, until


def test_a_journey_that_loses_redis_half_way_is_completed(tmp_path: Path, database_url: str) -> None:
    with open_street(tmp_path, database_url) as street:
        phone = street.phone()
        phone.sign_up()
        assert phone.get("/v1/reloadly/airtime/operators/countries/HT").status == 200
        street.redis.stop()

        assert phone.bind_app().status == 200
        phone.log_out()
        phone.log_in()
        assert phone.refresh().status == 200
        assert phone.get("/v1/reloadly/airtime/operators/173").status == 200
        operation = phone.draft("without").json
        challenge = operation["challenge"]["challenge_id"]
        until(lambda: phone.post(f"/v1/challenges/{challenge}/send", {"channel": "sms"}).status == 202)
        approved = phone.approve(operation, "sms", phone.texted_code())
        assert approved.json["status"] == "succeeded"
        assert len(street.charges) == 1
        assert phone.get("/readyz").json == {"status": "degraded", "parts": {"sql": "ok", "redis": "away"}}

        street.redis.start()
        until(lambda: phone.get("/readyz").json["status"] == "ok")
        assert phone.get("/v1/reloadly/airtime/operators/173").status == 200
