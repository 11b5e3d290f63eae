"""Certificates to try."""

import datetime
import pathlib
import subprocess

from harness import ROOT


def make_certificate(folder, *arguments):
    subprocess.run([ROOT / "certs/make-dev-certificate", folder, *arguments], check=True, capture_output=True)
    return pathlib.Path(folder)


def dated(authority, folder, begin, end):
    """A chain for localhost, valid on these days counted from now, from the authority and key in a folder."""

    def stamp(days):
        moment = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=days)
        return moment.strftime("%Y%m%d%H%M%SZ")

    def run(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    folder.mkdir(exist_ok=True)
    (folder / "index").write_text("")
    (folder / "serial").write_text("1000\n")
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=us\n[us]\ndatabase=index\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=any\n"
        "x509_extensions=leaf\n[any]\ncommonName=supplied\n[leaf]\nsubjectAltName=DNS:localhost,IP:127.0.0.1\n"
        "extendedKeyUsage=serverAuth\n[req]\nprompt=no\ndistinguished_name=name\n[name]\nCN=localhost\n"
    )
    run("req", "-new", "-config", "ca.cnf", "-key", str(authority / "key.pem"), "-out", "request.pem")
    run(
        "ca",
        "-batch",
        "-notext",
        "-config",
        "ca.cnf",
        "-cert",
        str(authority / "ca.pem"),
        "-keyfile",
        str(authority / "ca-key.pem"),
        "-startdate",
        stamp(begin),
        "-enddate",
        stamp(end),
        "-in",
        "request.pem",
        "-out",
        "leaf.pem",
    )
    return (folder / "leaf.pem").read_text() + (authority / "ca.pem").read_text()
