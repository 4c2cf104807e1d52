(** The contraction factors of a forward-backward step and its averagedness, for all parameters.

    For two trajectories of T = prox_hg (I - hf), [d] is the difference of the points, [v] that of
    the values of f, and [s] that of the subgradients of g at the images; the images differ by
    [d - h (v + s)].  Each proof is an identity: c * (bound - value) = terms that are >= 0. *)

From fbscheck Require Import Space.

Lemma certificate c bound value : 0 < c -> 0 <= c * (bound - value) -> value <= bound.
Proof. intros Hc H. apply Rminus_le, Ropp_le_cancel, (Rmult_le_reg_l c); lra. Qed.

Ltac positive := repeat first
  [ assumption | apply pow2_ge_0 | apply inner_pos | lra | apply Rmult_le_pos | apply Rplus_le_le_0_compat ].
(** Prove [value <= bound] by [c * (bound - value) = terms], in the Gram entries of [x], [y] and [z]. *)
Tactic Notation "by" "identity" constr(c) constr(terms) "in" constr(x) constr(y) constr(z) :=
  apply (certificate c); [ try lra | replace (c * _) with terms; [ positive | autorewrite with gram;
    rewrite ?(inner_sym _ y x), ?(inner_sym _ z x), ?(inner_sym _ z y); try field ] ].

Section Step.
Variables (E : space) (d v s : E) (h : R).
Hypothesis step : 0 < h.
Local Notation image := (d [-] h [*] (v [+] s)).

(** ** The forward half *)

Section Forward.
Variables mu ell beta : R.

Section Gradient.
Hypothesis constants : mu < ell.
Hypothesis interpolation : 0 <= <<v [-] mu [*] d, ell [*] d [-] v>>.

Lemma forward_short_gradient : h * (mu + ell) <= 2 -> ||d [-] h [*] v||2 <= (1 - h * mu)^2 * ||d||2.
Proof.
  intros short. assert (h * mu <= h * ell) by (apply Rmult_le_compat_l; lra).
  by identity (ell - mu) (2 * h * (1 - h * mu) * <<v [-] mu [*] d, ell [*] d [-] v>>
    + h * (2 - h * (mu + ell)) * ||v [-] mu [*] d||2) in d v s.
Qed.

Lemma forward_long_gradient : 2 <= h * (mu + ell) -> ||d [-] h [*] v||2 <= (h * ell - 1)^2 * ||d||2.
Proof.
  intros long. assert (h * mu <= h * ell) by (apply Rmult_le_compat_l; lra).
  by identity (ell - mu) (2 * h * (h * ell - 1) * <<v [-] mu [*] d, ell [*] d [-] v>>
    + h * (h * (mu + ell) - 2) * ||ell [*] d [-] v||2) in d v s.
Qed.
End Gradient.

Hypothesis monotone : 0 <= <<v, d>> - mu * ||d||2.

Lemma forward_lipschitz :
  0 <= ell^2 * ||d||2 - ||v||2 -> ||d [-] h [*] v||2 <= (1 - 2 * h * mu + h^2 * ell^2) * ||d||2.
Proof.
  intros lipschitz.
  by identity 1 (2 * h * (<<v, d>> - mu * ||d||2) + h^2 * (ell^2 * ||d||2 - ||v||2)) in d v s.
Qed.

Lemma forward_isotropic : 0 <= mu^2 * ||d||2 - ||v||2 -> ||d [-] h [*] v||2 <= (1 - h * mu)^2 * ||d||2.
Proof.
  intros lipschitz.
  by identity 1 (2 * h * (<<v, d>> - mu * ||d||2) + h^2 * (mu^2 * ||d||2 - ||v||2)) in d v s.
Qed.

Hypothesis constant : 0 < beta.
Hypothesis cocoercive : 0 <= <<v, d>> - beta * ||v||2.

Lemma forward_short_cocoercive :
  h <= 2 * beta -> ||d [-] h [*] v||2 <= (1 - 2 * h * mu + h^2 * mu / beta) * ||d||2.
Proof.
  intros short.
  by identity beta (h * (2 * beta - h) * (<<v, d>> - mu * ||d||2) + h^2 * (<<v, d>> - beta * ||v||2)) in d v s.
  lra.
Qed.

Lemma forward_long_cocoercive : 2 * beta <= h -> ||d [-] h [*] v||2 <= (1 - h / beta)^2 * ||d||2.
Proof.
  intros long.
  by identity (beta^2) (2 * h * beta * (h - beta) * (<<v, d>> - beta * ||v||2)
    + h * (h - 2 * beta) * ||d [-] beta [*] v||2) in d v s; [ now apply pow_lt | lra ].
Qed.
End Forward.

(** ** The whole step, by the backward half *)

Section Backward.
Variable sigma : R.
Hypothesis convex : 0 <= sigma.
Hypothesis subgradients : 0 <= <<s, image>> - sigma * ||image||2.

Lemma backward : ||image||2 <= ||d [-] h [*] v||2 / (1 + h * sigma)^2.
Proof.
  assert (0 <= h * sigma) by positive. assert (0 < (1 + h * sigma)^2) by (apply pow_lt; lra).
  by identity ((1 + h * sigma)^2) (2 * h * (1 + h * sigma) * (<<s, image>> - sigma * ||image||2)
    + h^2 * ||s [-] sigma [*] image||2) in d v s.
  lra.
Qed.

Lemma whole factor : ||d [-] h [*] v||2 <= factor * ||d||2 -> ||image||2 <= factor / (1 + h * sigma)^2 * ||d||2.
Proof.
  intros forward. assert (0 <= h * sigma) by positive. assert (0 < (1 + h * sigma)^2) by (apply pow_lt; lra).
  apply (Rle_trans _ _ _ backward). apply (Rmult_le_reg_l ((1 + h * sigma)^2)); [ trivial | field_simplify; lra ].
Qed.

Theorem short_gradient_step mu ell : mu < ell -> h * (mu + ell) <= 2 ->
  0 <= <<v [-] mu [*] d, ell [*] d [-] v>> ->
  ||image||2 <= (1 - h * mu)^2 / (1 + h * sigma)^2 * ||d||2.
Proof. intros. now apply whole, forward_short_gradient with ell. Qed.

Theorem long_gradient_step mu ell : mu < ell -> 2 <= h * (mu + ell) ->
  0 <= <<v [-] mu [*] d, ell [*] d [-] v>> ->
  ||image||2 <= (h * ell - 1)^2 / (1 + h * sigma)^2 * ||d||2.
Proof. intros. now apply whole, forward_long_gradient with mu. Qed.

Theorem isotropic_gradient_step mu : 0 <= <<v, d>> - mu * ||d||2 -> 0 <= mu^2 * ||d||2 - ||v||2 ->
  ||image||2 <= (1 - h * mu)^2 / (1 + h * sigma)^2 * ||d||2.
Proof. intros. now apply whole, forward_isotropic. Qed.

Theorem lipschitz_step mu ell : 0 <= <<v, d>> - mu * ||d||2 -> 0 <= ell^2 * ||d||2 - ||v||2 ->
  ||image||2 <= (1 - 2 * h * mu + h^2 * ell^2) / (1 + h * sigma)^2 * ||d||2.
Proof. intros. now apply whole, forward_lipschitz. Qed.

Theorem short_cocoercive_step mu beta : 0 < beta -> h <= 2 * beta ->
  0 <= <<v, d>> - mu * ||d||2 -> 0 <= <<v, d>> - beta * ||v||2 ->
  ||image||2 <= (1 - 2 * h * mu + h^2 * mu / beta) / (1 + h * sigma)^2 * ||d||2.
Proof. intros. now apply whole, forward_short_cocoercive. Qed.

Theorem long_cocoercive_step beta : 0 < beta -> 2 * beta <= h -> 0 <= <<v, d>> - beta * ||v||2 ->
  ||image||2 <= (1 - h / beta)^2 / (1 + h * sigma)^2 * ||d||2.
Proof. intros. now apply whole, forward_long_cocoercive. Qed.
End Backward.

(** ** Averagedness *)

Hypothesis subgradients : 0 <= <<s, image>>.

Theorem averaged_step beta : h < 2 * beta -> 0 <= <<v, d>> - beta * ||v||2 ->
  let alpha := 2 * beta / (4 * beta - h) in
  ||image||2 + (1 - alpha) / alpha * ||d [-] image||2 <= ||d||2.
Proof.
  intros short cocoercive alpha. subst alpha.
  by identity (2 * beta) (4 * beta * h * (<<s, image>> + (<<v, d>> - beta * ||v||2))
    + h * ||h [*] s [-] (2 * beta - h) [*] v||2) in d v s.
  lra.
Qed.

Theorem averaged_smooth_step ell : 0 < ell -> h * ell < 2 -> 0 <= <<v, d>> - 1 / ell * ||v||2 ->
  let alpha := 2 / (4 - h * ell) in
  ||image||2 + (1 - alpha) / alpha * ||d [-] image||2 <= ||d||2.
Proof.
  intros Hell short cocoercive alpha.
  assert (Hh : h = h * ell * (1 / ell)) by (field; lra). assert (0 < 1 / ell) by (apply Rdiv_lt_0_compat; lra).
  replace alpha with (2 * (1 / ell) / (4 * (1 / ell) - h)) by (unfold alpha; field; lra).
  apply averaged_step; [ rewrite Hh; apply Rmult_lt_compat_r; lra | trivial ].
Qed.
End Step.

Theorem averaged_composition (E : space) (x y z : E) alpha1 alpha2 : 0 < alpha1 < 1 -> 0 < alpha2 < 1 ->
  0 <= ||x||2 - ||y||2 - (1 - alpha1) / alpha1 * ||x [-] y||2 ->
  0 <= ||y||2 - ||z||2 - (1 - alpha2) / alpha2 * ||y [-] z||2 ->
  let alpha := (alpha1 + alpha2 - 2 * alpha1 * alpha2) / (1 - alpha1 * alpha2) in
  ||z||2 + (1 - alpha) / alpha * ||x [-] z||2 <= ||x||2.
Proof.
  intros H1 H2 first second alpha. subst alpha.
  assert (0 < alpha1 * alpha2) by (apply Rmult_lt_0_compat; lra).
  assert (0 < (1 - alpha1) * alpha2) by (apply Rmult_lt_0_compat; lra).
  assert (0 < alpha1 * (1 - alpha2)) by (apply Rmult_lt_0_compat; lra).
  assert (positive : 0 < alpha1 + alpha2 - 2 * alpha1 * alpha2) by lra.
  by identity (alpha1 * alpha2 * (alpha1 + alpha2 - 2 * alpha1 * alpha2))
    (alpha1 * alpha2 * (alpha1 + alpha2 - 2 * alpha1 * alpha2)
      * ((||x||2 - ||y||2 - (1 - alpha1) / alpha1 * ||x [-] y||2)
        + (||y||2 - ||z||2 - (1 - alpha2) / alpha2 * ||y [-] z||2))
    + ||((1 - alpha1) * alpha2) [*] (x [-] y) [-] (alpha1 * (1 - alpha2)) [*] (y [-] z)||2) in x y z.
  - now apply Rmult_lt_0_compat.
  - repeat split; lra.
Qed.

Print Assumptions short_gradient_step.
Print Assumptions long_gradient_step.
Print Assumptions isotropic_gradient_step.
Print Assumptions lipschitz_step.
Print Assumptions short_cocoercive_step.
Print Assumptions long_cocoercive_step.
Print Assumptions averaged_step.
Print Assumptions averaged_smooth_step.
Print Assumptions averaged_composition.
