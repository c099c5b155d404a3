"""The main job, from a number nobody knows to a top-up that was paid once."""

from tests.house import House
from tests.phone import Phone


def test_a_phone_signs_up_binds_an_app_and_tops_up_natively(house: House, phone: Phone) -> None:
    phone.sign_up()
    assert phone.bind_app().json["status"] == "active"
    phone.log_out()
    phone.log_in()
    house.clock.advance(seconds=30)

    drafted = phone.draft("first")
    assert drafted.status == 201
    assert drafted.json["status"] == "awaiting_approval"
    assert "509 36 37 7222" in drafted.json["summary"]
    assert house.charges == []

    approved = phone.approve(drafted.json, "totp", phone.app_code())
    assert (approved.status, approved.json["status"]) == (200, "succeeded")
    shown = phone.get(f"/v1/operations/{drafted.json['operation_id']}")
    assert shown.json["reply"]["deliveredAmountCurrencyCode"] == "HTG"
    assert [charge["identifier"] for charge in house.charges] == [drafted.json["operation_id"]]


def test_reloadlys_own_path_asks_for_approval_and_then_answers_in_reloadlys_shape(
    house: House, phone: Phone
) -> None:
    phone.sign_up()
    asked = phone.top_up_as_reloadly("compat", customIdentifier="mine-1")
    assert (asked.status, asked.code) == (403, "APPROVAL_REQUIRED")

    operation = asked.json["operation"]
    house.clock.advance(seconds=31)
    phone.post(f"/v1/challenges/{operation['challenge']['challenge_id']}/send", {"channel": "sms"})
    text = phone.last_text()
    assert "500.00 HTG" in text
    assert "+509 36 37 7222" in text
    assert phone.approve(operation, "sms", phone.texted_code()).status == 200

    repeated = phone.top_up_as_reloadly("compat", customIdentifier="mine-1")
    assert repeated.status == 200
    assert repeated.json["status"] == "SUCCESSFUL"
    assert repeated.json["customIdentifier"] == "mine-1"
    assert repeated.headers["Operation-Id"] == operation["operation_id"]
    assert len(house.charges) == 1


def test_a_phone_reads_the_catalogue_without_the_companys_own_figures(house: House, phone: Phone) -> None:
    phone.sign_up()
    base = "/v1/reloadly/airtime"
    for path in (
        "/operators",
        "/operators?size=5&page=2",
        "/operators/countries/HT",
        "/operators/173",
        "/operators/auto-detect/phone/50936377111/countries/HT",
        "/countries",
        "/countries/HT",
        "/promotions",
    ):
        answer = phone.get(base + path)
        assert answer.status == 200, (path, answer.body)
    quote = phone.post(f"{base}/operators/fx-rate", {"operatorId": 173, "amount": 10})
    assert quote.json["currencyCode"] == "HTG"


def test_a_phone_refreshes_its_tokens_and_the_old_ones_end(phone: Phone) -> None:
    phone.sign_up()
    before = dict(phone.tokens)
    assert phone.refresh().status == 200
    assert phone.tokens["refresh_token"] != before["refresh_token"]
    assert phone.call("GET", "/v1/me", token=before["access_token"]).code == "INVALID_TOKEN"
    assert phone.get("/v1/me").status == 200
