"""Published scores, each with where it is printed and how it was counted. F1 at IoU 0.5, leave-one-subject-out.

Figures that were seen in no source are not here. How a figure was counted is told by the name of the protocol that
``mespot evaluate --protocol`` follows, where its authors' scorer is public.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

Triple = tuple[str | None, str | None, str | None]
"""F1 of MaE, ME and both, with the digits of the source; None where it has none."""
NOTHING: Triple = (None, None, None)

UNKNOWN = "not known"
TUNED = "epoch and threshold chosen on the test subjects"
QUOTED = "not known; quoted by the source"
BOOSTING = "repository BoostingVRME, figures/result.png"
SOFTNET_TABLE = "repository of SOFTNet, result.PNG"
MTSN_TABLE = "repositories of MTSN and AUW-GCN, tables of results"


@dataclass(frozen=True, slots=True)
class Published:
    """A published result.

    Parameters
    ----------
    method : str
        Its name, with the year where known.
    casme2, samm_lv : Triple
        F1 on CAS(ME)^2 and on SAMM Long Videos.
    protocol : str
        How it was counted.
    source : str
        Where the figures are printed.
    """

    method: str
    casme2: Triple
    samm_lv: Triple
    protocol: str
    source: str


PUBLISHED: tuple[Published, ...] = (
    Published(
        "LTP-ML (baseline, 2019)", (None, "0.0179", None), (None, "0.0316", None), UNKNOWN, "arXiv 1812.10306, abstract"
    ),
    Published(
        "MDMD, He Ying (baseline of MEGC2020)",
        ("0.1196", "0.0082", "0.0376"),
        ("0.0629", "0.0364", "0.0445"),
        "megc2020; MaE and ME in separate runs",
        "repository HeyingGithub, README and MEGC2020_results.txt",
    ),
    Published("Optical strain, Gan", ("0.1436", "0.0098", "0.0448"), NOTHING, QUOTED, SOFTNET_TABLE),
    Published("LBCNN, Pan", (None, None, "0.0595"), (None, None, "0.0813"), QUOTED, SOFTNET_TABLE),
    Published(
        "SP-FD, Zhang (2020)",
        ("0.2131", "0.0547", "0.1403"),
        ("0.0725", "0.1331", "0.0999"),
        f"{QUOTED}; others print its SAMM figures of MaE and ME exchanged",
        SOFTNET_TABLE,
    ),
    Published("Yap (2020)", NOTHING, ("0.4081", "0.0508", "0.3299"), QUOTED, SOFTNET_TABLE),
    Published(
        "MESNet (2021)",
        (None, "0.0360", None),
        (None, "0.0880", None),
        QUOTED,
        "repository of MTSN, result_megc2021.png",
    ),
    Published(
        "3D-CNN, Yap (2021/22)",
        ("0.2145", "0.0714", "0.1675"),
        ("0.1595", "0.0466", "0.1084"),
        QUOTED,
        "repository of MTSN, result_megc2021.png; README of SL-Swin",
    ),
    Published(
        "SOFTNet (2021)",
        ("0.2410", "0.1173", "0.2022"),
        ("0.2169", "0.1520", "0.1881"),
        "softnet; videos without the kind are left out",
        SOFTNET_TABLE,
    ),
    Published(
        "Concat-CNN (3rd of MEGC2021; attribution inferred)",
        ("0.2505", "0.0153", "0.2019"),
        ("0.3553", "0.1155", "0.2736"),
        QUOTED,
        MTSN_TABLE,
    ),
    Published(
        "TSMSNet",
        ("0.2515", "0.2275", "0.2466"),
        ("0.2395", "0.1969", "0.2213"),
        "each expression once; further hits of it are not counted as false",
        "repository of TSMSNet, img/result.png",
    ),
    Published(
        "LSSNet (2021)", ("0.377", "0.042", "0.325"), ("0.281", "0.131", "0.238"), f"lssnet; {TUNED}", MTSN_TABLE
    ),
    Published(
        "OF-FD, He Yuhong (1st of MEGC2021, training-free)",
        ("0.3782", "0.1965", "0.3436"),
        ("0.4149", "0.2162", "0.3638"),
        "offd; any kind may match",
        MTSN_TABLE,
    ),
    Published(
        "MTSN (2022)",
        ("0.4104", "0.0808", "0.3620"),
        ("0.3459", "0.0878", "0.2867"),
        UNKNOWN,
        "repository of MTSN, table of results",
    ),
    Published(
        "Zhao and Sheng (MEGC2022, training-free, improved afterwards)",
        ("0.4717", "0.2522", "0.4436"),
        NOTHING,
        "offd; any kind may match",
        "repository shengjianda, README",
    ),
    Published(
        "SL-Swin-T (2023)",
        ("0.2236", "0.0879", "0.1824"),
        ("0.1675", "0.1044", "0.1357"),
        "slswin; videos without the kind are left out",
        "repository eddiehe99, README",
    ),
    Published(
        "AUW-GCN (2023)",
        ("0.4235", "0.1538", "0.3834"),
        ("0.4293", "0.1984", "0.3728"),
        "auwgcn_2023; best epoch of each subject on that test subject",
        "repository AUW-GCN, figures/result.png",
    ),
    Published(
        "LGSNet (2023/24)",
        (None, None, "0.4637"),
        (None, None, "0.388"),
        f"lgsnet; any kind may match; {TUNED}; SAMM with 471 of its expressions",
        "repository LGSNet, README",
    ),
    Published(
        "qin123xyz (2nd of MEGC2023, training-free)",
        (None, None, "0.4066"),
        NOTHING,
        "offd; that the figure is overall F1 is inferred",
        "repository of qin123xyz, name of a folder",
    ),
    Published(
        "MEAN (2023; ME alone)",
        (None, "0.1214", None),
        (None, "0.0949", None),
        "softnet; videos without ME are left out",
        f"{BOOSTING}; repository MEAN, detail_result.png",
    ),
    Published(
        "ME-TST (2024; ME alone)",
        NOTHING,
        (None, "0.2167", None),
        "softnet; videos without ME are left out",
        BOOSTING,
    ),
    Published(
        "BoostingVRME (2025; ME alone)",
        NOTHING,
        (None, "0.2906", None),
        "spotting part of STRS",
        f"{BOOSTING}; arXiv 2508.18834",
    ),
    Published(
        "I3D and BiFPN (the paper)",
        ("0.390", "0.104", "0.345"),
        ("0.382", "0.240", "0.367"),
        "IoU >= 0.5, pooled; one-to-one or not, and how thresholds were chosen, is not said",
        "the paper, Table III",
    ),
)
"""In order of year; what is copied from one paper to another often differs from these sources."""

Rates = tuple[float, float, float]
PAPER_T_EVAL: Mapping[float, tuple[Rates, Rates, Rates]] = {
    0.50: ((0.314, 0.513, 0.390), (0.067, 0.235, 0.104), (0.259, 0.515, 0.345)),
    0.40: ((0.358, 0.681, 0.467), (0.113, 0.362, 0.171), (0.347, 0.669, 0.455)),
    0.35: ((0.366, 0.694, 0.478), (0.127, 0.384, 0.190), (0.356, 0.688, 0.468)),
    0.30: ((0.410, 0.712, 0.520), (0.145, 0.432, 0.216), (0.402, 0.724, 0.511)),
}
"""The paper's Table I, CAS(ME)^2: by T_eval the (precision, recall, F1) of MaE, ME and both."""
PAPER_TOP: Mapping[str, Mapping[float, Rates]] = {
    "CAS(ME)^2": {
        0.30: (0.252, 0.069, 0.241),
        0.35: (0.263, 0.061, 0.255),
        0.40: (0.273, 0.059, 0.262),
        0.45: (0.291, 0.047, 0.287),
        0.50: (0.327, 0.036, 0.306),
        0.55: (0.340, 0.028, 0.319),
        0.60: (0.356, 0.039, 0.334),
    },
    "SAMM": {
        0.30: (0.268, 0.054, 0.253),
        0.35: (0.272, 0.044, 0.264),
        0.40: (0.280, 0.050, 0.271),
        0.45: (0.331, 0.043, 0.317),
        0.50: (0.344, 0.038, 0.324),
        0.55: (0.359, 0.036, 0.341),
        0.60: (0.367, 0.040, 0.352),
    },
}
"""The paper's Table II: by dataset and top threshold the F1 of MaE, ME and both."""
