"""An installation from before the service had a fixed user."""

from service import UNIT

DROPIN = f"/etc/systemd/system/{UNIT}.d/dynamic.conf"


def test_the_state_of_a_dynamic_user_is_taken_over(service, client):
    machine = service.machine
    asked = {"model": "sonnet", "input": "standin:echo remembered"}
    first = client.request("POST", "/v1/responses", asked).json()
    service.systemctl("stop")
    # What systemd made of the old unit: a link to a private folder, of a user that is no more.
    machine.shell(
        "mkdir -p -m 700 /var/lib/private && mv /var/lib/portcullis /var/lib/private/ && "
        "ln -s private/portcullis /var/lib/portcullis && chown -R 61999:61999 /var/lib/private/portcullis"
    )
    service.systemctl("start")
    assert machine.run("stat", "-c", "%F %U", "/var/lib/portcullis").stdout.strip() == "directory portcullis"
    assert client.request("GET", f"/v1/responses/{first['id']}").json()["id"] == first["id"]
