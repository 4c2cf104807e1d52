(** Certificates for the contraction factor of N forward-backward steps, checked on integers. *)

From fbscheck Require Export Forms.

(** ** What is claimed *)

Inductive class (A : Type) :=
| GradientOf (mu ell : A)
| StronglyMonotoneLipschitz (mu ell : A)
| StronglyMonotoneCocoercive (mu beta : A).
Arguments GradientOf {_}.
Arguments StronglyMonotoneLipschitz {_}.
Arguments StronglyMonotoneCocoercive {_}.

(** What a forward operator of the class satisfies at its points [i] and [j]; [F] are values of the
    function whose gradient it is. *)
Definition forward {I : Type} {E : space} (c : class R) (F : I -> R) (x v : I -> E) (i j : I) : Prop :=
  let dx := x i [-] x j in let dv := v i [-] v j in
  match c with
  | GradientOf mu ell =>
      0 <= 2 * (ell - mu) * (F i - F j - <<v j, dx>>) - ||dv||2 - mu * ell * ||dx||2 + 2 * mu * <<dv, dx>>
      /\ 0 <= <<dv, dx>> - mu * ||dx||2 /\ 0 <= ell^2 * ||dx||2 - ||dv||2
  | StronglyMonotoneLipschitz mu ell => 0 <= <<dv, dx>> - mu * ||dx||2 /\ 0 <= ell^2 * ||dx||2 - ||dv||2
  | StronglyMonotoneCocoercive mu beta => 0 <= <<dv, dx>> - mu * ||dx||2 /\ 0 <= <<dv, dx>> - beta * ||dv||2
  end.

(** What values [G] and subgradients [s] of a sigma-strongly convex function satisfy. *)
Definition backward {I : Type} {E : space} (sigma : R) (G : I -> R) (x s : I -> E) (i j : I) : Prop :=
  0 <= 2 * (G i - G j - <<s j, x i [-] x j>>) - sigma * ||x i [-] x j||2.

(** Point 0 of a sequence is the fixed point; all vectors are differences from it. *)
Definition origin {E : space} (x : nat -> E) (k : nat) : E := match k with O => zero | S _ => x k end.
Definition delay {E : space} (x : nat -> E) (k : nat) : E := match k with O => zero | S k => x k end.

(** [N] steps, from [d 0] to [d N], contract squared distances to a fixed point by [t]: [v (k+1)] and
    [s (k+1)] are forward value and subgradient in the step from [d k] to [d (k+1)]. *)
Definition contracts (c : class R) (sigma : R) (steps : list R) (t : R) : Prop :=
  let N := length steps in
  forall (E : space) (d v s : nat -> E) (F G : nat -> R),
  (forall k, (k < N)%nat -> d (S k) [=] d k [-] nth k steps 0 [*] (v (S k) [+] s (S k))) ->
  (forall i j, (i <= N)%nat -> (j <= N)%nat -> forward c F (delay d) (origin v) i j) ->
  (forall i j, (i <= N)%nat -> (j <= N)%nat -> backward sigma G (origin d) (origin s) i j) ->
  ||d N||2 <= t * ||d O||2.

(** ** Hypotheses as integer forms *)

(** Coefficients of F_i - F_j - <v_j, dx>, of |dx|^2, <dv, dx> and |dv|^2. *)
Definition coefficients : Type := Z * Z * Z * Z.

Definition value {E : space} (F : nat -> R) (x v : nat -> E) (i j : nat) '((a, p, r, u) : coefficients) : R :=
  let dx := x i [-] x j in let dv := v i [-] v j in
  IZR a * (F i - F j - <<v j, dx>>) + IZR p * ||dx||2 + IZR r * <<dv, dx>> + IZR u * ||dv||2.

(** The hypotheses, times q^2, for constants in units of 1/q. *)
Definition forward_coefficients (q : Z) (c : class Z) : list coefficients :=
  match c with
  | GradientOf m l =>
      [(2 * q * (l - m), - (m * l), 2 * q * m, - (q * q)); (0, - (q * m), q * q, 0); (0, l * l, 0, - (q * q))]
  | StronglyMonotoneLipschitz m l => [(0, - (q * m), q * q, 0); (0, l * l, 0, - (q * q))]
  | StronglyMonotoneCocoercive m b => [(0, - (q * m), q * q, 0); (0, 0, q * q, - (q * b))]
  end%Z.
Definition backward_coefficients (q sigma : Z) : list coefficients := [(2 * q * q, - (q * sigma), 0, 0)%Z].

Definition denotes (q : Z) (c : class Z) (c' : class R) : Prop :=
  let unit x m := x * IZR q = IZR m in
  match c, c' with
  | GradientOf m l, GradientOf mu ell => unit mu m /\ unit ell l
  | StronglyMonotoneLipschitz m l, StronglyMonotoneLipschitz mu ell => unit mu m /\ unit ell l
  | StronglyMonotoneCocoercive m b, StronglyMonotoneCocoercive mu beta => unit mu m /\ unit beta b
  | _, _ => False
  end.

Lemma scaled q a b : 0 <= a -> b = IZR q ^ 2 * a -> 0 <= b.
Proof. intros H ->. apply Rmult_le_pos; [ apply pow2_ge_0 | trivial ]. Qed.

Ltac integers := cbv beta iota zeta delta [value]; repeat rewrite ?opp_IZR, ?mult_IZR, ?minus_IZR.

Lemma forward_ok {E : space} q c c' F (x v : nat -> E) i j : denotes q c c' ->
  forward c' F x v i j -> Forall (fun k => 0 <= value F x v i j k) (forward_coefficients q c).
Proof.
  destruct c, c'; cbn [denotes]; try easy; intros [H1 H2] H; cbv beta delta [forward] iota zeta in H;
  decompose [and] H; repeat (apply Forall_cons || apply Forall_nil);
  match goal with
  | H : 0 <= _ |- _ => solve [ apply (scaled q _ _ H); integers; rewrite <- ?H1, <- ?H2; ring ]
  end.
Qed.

Lemma backward_ok {E : space} q sigma sigma' G (x s : nat -> E) i j : sigma' * IZR q = IZR sigma ->
  backward sigma' G x s i j -> Forall (fun k => 0 <= value G x s i j k) (backward_coefficients q sigma).
Proof.
  intros H1 H. repeat apply Forall_cons; [ | apply Forall_nil ].
  apply (scaled q _ _ H). integers. rewrite <- H1. ring.
Qed.

(** ** Sums of multipliers times hypotheses *)

Definition entry : Type := nat * nat * list Z.

Fixpoint weigh (multipliers : list Z) (ks : list coefficients) : coefficients :=
  match multipliers, ks with
  | z :: multipliers, (a, p, r, u) :: ks =>
      let '(a', p', r', u') := weigh multipliers ks in (z * a + a', z * p + p', z * r + r', z * u + u')%Z
  | _, _ => (0, 0, 0, 0)%Z
  end.

(** The matrix of twice a hypothesis, and its coefficients of F; [px] and [pv] are places of vectors. *)
Definition matrix (px pv : nat -> nat) (i j : nat) '((a, p, r, u) : coefficients) : list (list Z) :=
  let dx := plus (unit (px i) 1) (unit (px j) (-1)) in
  let dv := plus (unit (pv i) 1) (unit (pv j) (-1)) in
  let w := plus (unit (pv j) (- a)) (times r dv) in
  mplus (mplus (outer w dx) (outer dx w)) (mplus (outer (times (2 * p) dx) dx) (outer (times (2 * u) dv) dv)).
Definition values (i j : nat) '((a, _, _, _) : coefficients) : list Z := plus (unit i a) (unit j (- a)).

Definition total (px pv : nat -> nat) (ks : list coefficients) : list entry -> list (list Z) :=
  fold_right (fun '(i, j, multipliers) => mplus (matrix px pv i j (weigh multipliers ks))) [].
Definition total_values (ks : list coefficients) : list entry -> list Z :=
  fold_right (fun '(i, j, multipliers) => plus (values i j (weigh multipliers ks))) [].

Definition sound_entries (N : nat) (ks : list coefficients) (entries : list entry) : bool :=
  forallb (fun '(i, j, multipliers) => (i <=? N)%nat && (j <=? N)%nat && forallb (Z.leb 0) multipliers) entries
  && forallb (Z.eqb 0) (total_values ks entries).

Section Entries.
Context {E : space} (b : nat -> E) (px pv : nat -> nat) (N : nat) (F : nat -> R) (x v : nat -> E).
Variable ks : list coefficients.
Hypothesis places_x : forall k, (k <= N)%nat -> b (px k) = x k.
Hypothesis places_v : forall k, (k <= N)%nat -> b (pv k) = v k.
Hypothesis hypotheses : forall i j, (i <= N)%nat -> (j <= N)%nat -> Forall (fun k => 0 <= value F x v i j k) ks.

Lemma weigh_ok i j multipliers : forallb (Z.leb 0) multipliers = true ->
  Forall (fun k => 0 <= value F x v i j k) ks -> 0 <= value F x v i j (weigh multipliers ks).
Proof.
  clear hypotheses. intros Hm H. revert multipliers Hm. induction H as [|[[[a p] r] u] ks' H _ IH].
  all: intros [|z multipliers] Hm; cbn [weigh]; try (cbn; lra).
  apply andb_true_iff in Hm as [Hz%Z.leb_le%IZR_le Hm]. specialize (IH _ Hm).
  destruct (weigh multipliers ks') as [[[a' p'] r'] u']. cbn in *. rewrite !plus_IZR, !mult_IZR.
  pose proof (Rmult_le_pos _ _ Hz H). lra.
Qed.

Lemma matrix_ok i j k : (i <= N)%nat -> (j <= N)%nat ->
  2 * value F x v i j k = form (matrix px pv i j k) (gram b) + 2 * dot (values i j k) F.
Proof.
  intros Hi Hj. destruct k as [[[a p] r] u]. cbn [matrix values value].
  assert (difference : forall w y, (forall k, (k <= N)%nat -> b (w k) = y k) -> forall g,
    dot (plus (unit (w i) 1) (unit (w j) (-1))) (fun n => <<b n, g>>) = <<y i [-] y j, g>>).
  { intros w y H g. rewrite dot_plus, !dot_unit, !H by trivial. autorewrite with gram. ring. }
  rewrite !form_mplus, !form_outer_gram, (inner_sym _ (span _ b) (span (plus _ (times _ _)) b)).
  rewrite !inner_span, !dot_plus, !dot_times, !dot_unit, !(difference px x places_x), !(difference pv v places_v),
    places_v by trivial.
  rewrite !(inner_sym _ _ (span _ b)), !inner_span, !(difference px x places_x), !(difference pv v places_v).
  rewrite !mult_IZR, opp_IZR, (inner_sym _ (x i [-] x j) (v j)), (inner_sym _ (x i [-] x j) (v i [-] v j)).
  ring.
Qed.

Lemma total_ok entries : sound_entries N ks entries = true -> 0 <= form (total px pv ks entries) (gram b).
Proof.
  intros [H Hzero]%andb_true_iff. apply dot_zeros with (x := F) in Hzero.
  enough (0 <= form (total px pv ks entries) (gram b) + 2 * dot (total_values ks entries) F) by lra. clear Hzero.
  induction entries as [|[[i j] multipliers] entries IH]; cbn [forallb total total_values fold_right] in *;
    [ cbn; lra | ].
  apply andb_true_iff in H as [[[Hi%Nat.leb_le Hj%Nat.leb_le]%andb_true_iff Hm]%andb_true_iff H].
  specialize (IH H). pose proof (weigh_ok i j multipliers Hm (hypotheses i j Hi Hj)) as P.
  pose proof (matrix_ok i j (weigh multipliers ks) Hi Hj).
  rewrite form_mplus, dot_plus. fold (total px pv ks) (total_values ks). lra.
Qed.
End Entries.

(** ** Substitution: every vector in terms of the independent ones, in units of 1/H *)

Fixpoint mix (l : list Z) (rows : list (list Z)) : list Z :=
  match l, rows with c :: l, row :: rows => plus (times c row) (mix l rows) | _, _ => [] end.

Fixpoint congruence (rows all m : list (list Z)) : list (list Z) :=
  match m with
  | [] => []
  | l :: m => mplus (outer (hd [] rows) (mix l all)) (congruence (tl rows) all m)
  end.

Lemma dot_mix l : forall rows x, dot (mix l rows) x = dot l (fun i => dot (nth i rows []) x).
Proof.
  induction l as [|c l IH]; intros [|row rows] x; cbn [mix dot nth]; try easy.
  - rewrite (dot_ext l _ (fun _ => 0 * 0)), dot_scal by (intros []; cbn; ring). cbn. ring.
  - now rewrite dot_plus, dot_times, IH.
Qed.

Lemma congruence_ok {E : space} H all (e b : nat -> E) m :
  (forall i z, IZR H * <<b i, z>> = dot (nth i all []) (fun n => <<e n, z>>)) ->
  form (congruence all all m) (gram e) = IZR H ^ 2 * form m (gram b).
Proof.
  intros Hb.
  enough (P : forall rows b', (forall i z, IZR H * <<b' i, z>> = dot (nth i rows []) (fun n => <<e n, z>>)) ->
    form (congruence rows all m) (gram e) = IZR H ^ 2 * form m (fun i j => <<b' i, b j>>)) by exact (P all b Hb).
  induction m as [|l m IH]; intros rows b' Hb'; cbn [congruence form]; [ ring | ].
  rewrite form_mplus, (IH _ (fun i => b' (S i))), form_outer_gram by
    (intros i z; rewrite (Hb' (S i) z); now destruct rows, i).
  replace (hd [] rows) with (nth 0 rows []) by now destruct rows.
  rewrite inner_span, <- Hb', inner_sym, inner_span, dot_mix.
  rewrite (dot_ext l _ (fun i => IZR H * <<b' O, b i>>)) by (intros; rewrite <- Hb, inner_sym; ring).
  rewrite dot_scal. ring.
Qed.

(** Rows of d_1, v_1, s_1, d_2, ... in terms of d_0, v_1, s_1, v_2, s_2, ...; [row] is that of d_k. *)
Fixpoint rows_from (H : Z) (k : nat) (row steps : list Z) : list (list Z) :=
  match steps with
  | [] => []
  | a :: steps =>
      let row := row ++ [- a; - a]%Z in
      row :: unit (2 * k + 1) H :: unit (2 * k + 2) H :: rows_from H (S k) row steps
  end.
Definition substitution (H : Z) (steps : list Z) : list (list Z) := [H] :: [] :: [] :: rows_from H 0 [H] steps.

Section Trajectory.
Context {E : space} (d v s : nat -> E).

Fixpoint alternate (v s : nat -> E) (n : nat) : E :=
  match n with
  | O => v O
  | 1%nat => s O
  | S (S n) => alternate (fun k => v (S k)) (fun k => s (S k)) n
  end.
Definition independent (n : nat) : E :=
  match n with O => d O | S n => alternate (fun k => v (S k)) (fun k => s (S k)) n end.

Fixpoint trace (k n : nat) : list E :=
  match n with O => [] | S n => d (S k) :: v (S k) :: s (S k) :: trace (S k) n end.
Definition vectors (N : nat) : list E := d O :: zero :: zero :: trace 0 N.

Lemma alternate_ok k : forall v s, alternate v s (2 * k) = v k /\ alternate v s (2 * k + 1) = s k.
Proof.
  induction k as [|k IH]; intros v' s'; [ easy | ].
  replace (2 * S k)%nat with (S (S (2 * k))) by lia. exact (IH (fun k => v' (S k)) (fun k => s' (S k))).
Qed.

Lemma vectors_ok N k : (k <= N)%nat ->
  nth (3 * k) (vectors N) zero = d k /\ nth (3 * k + 1) (vectors N) zero = origin v k
  /\ nth (3 * k + 2) (vectors N) zero = origin s k.
Proof.
  destruct k as [|k]; intros Hk; [ easy | ].
  replace (3 * S k)%nat with (S (S (S (3 * k)))) by lia. cbn [vectors nth Nat.add origin].
  enough (P : forall n j, (k < n)%nat -> nth (3 * k) (trace j n) zero = d (S (j + k))
    /\ nth (3 * k + 1) (trace j n) zero = v (S (j + k)) /\ nth (3 * k + 2) (trace j n) zero = s (S (j + k)))
    by exact (P N O Hk).
  clear N Hk. induction k as [|k IH]; intros [|n] j Hk; try lia; cbn [trace].
  - rewrite Nat.add_0_r. easy.
  - replace (3 * S k)%nat with (S (S (S (3 * k)))) by lia. rewrite <- Nat.add_succ_comm. apply (IH n (S j)). lia.
Qed.

Lemma rows_ok H hs steps : Forall2 (fun h a => h * IZR H = IZR a) hs steps -> forall k row,
  (forall j, (j < length hs)%nat ->
    d (S (k + j)) [=] d (k + j)%nat [-] nth j hs 0 [*] (v (S (k + j)) [+] s (S (k + j)))) ->
  length row = (2 * k + 1)%nat ->
  (forall z, IZR H * <<d k, z>> = dot row (fun n => <<independent n, z>>)) ->
  forall i z, IZR H * <<nth i (trace k (length hs)) zero, z>>
    = dot (nth i (rows_from H k row steps) []) (fun n => <<independent n, z>>).
Proof.
  induction 1 as [|h a hs steps Ha _ IH]; intros k row Hd Hrow Hk i z.
  - destruct i; cbn; autorewrite with gram; ring.
  - destruct (alternate_ok k (fun k => v (S k)) (fun k => s (S k))) as [Hv Hs].
    assert (Hv' : independent (2 * k + 1) = v (S k)) by (rewrite Nat.add_1_r; exact Hv).
    assert (Hs' : independent (2 * k + 2) = s (S k))
      by (replace (2 * k + 2)%nat with (S (2 * k + 1)) by lia; exact Hs).
    assert (Hnext : forall z, IZR H * <<d (S k), z>> = dot (row ++ [- a; - a]%Z) (fun n => <<independent n, z>>)).
    { intros y. rewrite dot_app, <- Hk. cbn [dot]. rewrite Hrow, Nat.add_0_r, Hv'.
      replace (2 * k + 1 + 1)%nat with (2 * k + 2)%nat by lia. rewrite Hs', opp_IZR, <- Ha.
      specialize (Hd O (Nat.lt_0_succ _) y). rewrite Nat.add_0_r in Hd. rewrite Hd. cbn [nth].
      autorewrite with gram. ring. }
    destruct i as [|[|[|i]]]; cbn [length trace rows_from nth].
    + apply Hnext.
    + now rewrite dot_unit, Hv'.
    + now rewrite dot_unit, Hs'.
    + apply IH; [ | rewrite app_length; cbn [length]; lia | exact Hnext ].
      intros j Hj. rewrite Nat.add_succ_comm. apply (Hd (S j)). cbn [length]. lia.
Qed.

Lemma substitution_ok H hs steps :
  Forall2 (fun h a => h * IZR H = IZR a) hs steps ->
  (forall k, (k < length hs)%nat -> d (S k) [=] d k [-] nth k hs 0 [*] (v (S k) [+] s (S k))) ->
  forall i z, IZR H * <<nth i (vectors (length hs)) zero, z>>
    = dot (nth i (substitution H steps) []) (fun n => <<independent n, z>>).
Proof.
  intros Hs Hd [|[|[|i]]] z; try (cbn; autorewrite with gram; ring).
  apply (rows_ok H hs steps Hs O [H]); trivial. intros y. cbn. ring.
Qed.
End Trajectory.

(** ** Certificates *)

(** Rationals in common denominators: constants and sigma over [q], steps over [H], multipliers over [L];
    the claimed bound is [top / bottom]. *)
Record certificate := {
  q : Z; constants : class Z; sigma : Z;
  H : Z; steps : list Z;
  L : Z; f : list entry; g : list entry;
  top : Z; bottom : Z;
  scale : Z; proposed : squares }.

Definition f_place (k : nat) : nat := match k with O => 1 | S k => 3 * k end.
Definition g_place (k : nat) : nat := match k with O => 2 | S _ => 3 * k end.

(** 2 q^2 L * (sum of multipliers * hypotheses). *)
Definition hypotheses (c : certificate) : list (list Z) := mplus
  (total f_place (fun k => 3 * k + 1)%nat (forward_coefficients (q c) (constants c)) (f c))
  (total g_place (fun k => 3 * k + 2)%nat (backward_coefficients (q c) (sigma c)) (g c)).

(** 2 q^2 L bottom * (bound * |d_0|^2 - |d_N|^2 - sum of multipliers * hypotheses). *)
Definition claim (c : certificate) : list (list Z) :=
  let N := length (steps c) in
  let K := (2 * L c * q c * q c)%Z in
  mplus [[top c * K]%Z]
    (mplus (outer (unit (3 * N) (- (bottom c * K))) (unit (3 * N) 1)) (map (times (- bottom c)) (hypotheses c))).

Definition check (c : certificate) : bool :=
  let N := length (steps c) in
  let T := substitution (H c) (steps c) in
  (0 <? q c)%Z && (0 <? H c)%Z && (0 <? L c)%Z && (0 <? bottom c)%Z
  && sound_entries N (forward_coefficients (q c) (constants c)) (f c)
  && sound_entries N (backward_coefficients (q c) (sigma c)) (g c)
  && psd_check (scale c) (proposed c) (congruence T T (claim c)).

Theorem certified c c' sigma' hs t : check c = true ->
  denotes (q c) (constants c) c' -> sigma' * IZR (q c) = IZR (sigma c) ->
  Forall2 (fun h a => h * IZR (H c) = IZR a) hs (steps c) -> t * IZR (bottom c) = IZR (top c) ->
  contracts c' sigma' hs t.
Proof.
  unfold check. rewrite !andb_true_iff, !Z.ltb_lt.
  intros [[[[[[Hq HH] HL] Hbottom] Hf] Hg] Hpsd] Hc Hsigma Hs Ht E d v s F G Hd HF HG.
  set (N := length hs) in *.
  apply IZR_lt in Hq, HH, HL, Hbottom.
  assert (HN : length (steps c) = N) by (unfold N; clear - Hs; induction Hs; cbn; congruence).
  apply (psd_check_gram (independent d v s)) in Hpsd.
  rewrite (congruence_ok _ _ _ _ _ (substitution_ok d v s _ _ _ Hs Hd)) in Hpsd. fold N in Hpsd.
  set (b := fun i => nth i (vectors d v s N) zero) in Hpsd.
  assert (places : forall k, (k <= N)%nat ->
    b (3 * k)%nat = d k /\ b (3 * k + 1)%nat = origin v k /\ b (3 * k + 2)%nat = origin s k)
    by exact (vectors_ok d v s N).
  rewrite HN in Hf, Hg.
  apply (total_ok b f_place (fun k => 3 * k + 1)%nat N F (delay d) (origin v)) in Hf.
  2: intros [|k] Hk; [ easy | apply places; lia ].
  2: intros k Hk; now apply places.
  2: intros i j Hi Hj; apply (forward_ok _ _ _ _ _ _ _ _ Hc), HF; trivial.
  apply (total_ok b g_place (fun k => 3 * k + 2)%nat N G (origin d) (origin s)) in Hg.
  2: intros [|k] Hk; [ easy | now apply places ].
  2: intros k Hk; now apply places.
  2: intros i j Hi Hj; apply (backward_ok _ _ _ _ _ _ _ _ Hsigma), HG; trivial.
  assert (Hclaim : form (claim c) (gram b) = 2 * IZR (L c) * IZR (q c)^2 * IZR (bottom c) * (t * ||d O||2 - ||d N||2)
    - IZR (bottom c) * form (hypotheses c) (gram b)).
  { unfold claim. rewrite HN, !form_mplus, form_outer, !dot_unit, form_times.
    unfold gram at 2. rewrite (proj1 (places N (Nat.le_refl N))). cbn [form dot].
    change (gram b 0 0) with (||d O||2).
    rewrite !opp_IZR, !mult_IZR, <- Ht. ring. }
  rewrite Hclaim in Hpsd. set (K := 2 * IZR (L c) * IZR (q c)^2 * IZR (bottom c)) in *.
  assert (HK : 0 < K) by (unfold K; repeat apply Rmult_lt_0_compat; lra).
  assert (HH2 : 0 < IZR (H c)^2) by now apply pow_lt.
  rewrite <- (Rmult_0_r (IZR (H c)^2)) in Hpsd. apply Rmult_le_reg_l in Hpsd; [ | trivial ].
  pose proof (Rplus_le_le_0_compat _ _ Hf Hg) as Hfg. rewrite <- form_mplus in Hfg. fold (hypotheses c) in Hfg.
  pose proof (Rmult_le_pos _ _ (Rlt_le _ _ Hbottom) Hfg).
  apply Rminus_le, Ropp_le_cancel, (Rmult_le_reg_l K); lra.
Qed.

(** ** What a bound says of a network *)

Section Shift.
Context {E : space} (a b : E) (C : R) (F F' : nat -> R) (x v x' v' : nat -> E).
Hypothesis shift_x : forall i, x' i [=] x i [-] a.
Hypothesis shift_v : forall i, v' i [=] v i [-] b.
Hypothesis shift_F : forall i, F' i = F i - <<b, x i>> - C.

Lemma shift_difference (w w' : nat -> E) c :
  (forall i, w' i [=] w i [-] c) -> forall i j, w' i [-] w' j [=] w i [-] w j.
Proof. intros H i j z. autorewrite with gram. rewrite !H. autorewrite with gram. ring. Qed.

Lemma shift_inner (y y' z z' : E) : y' [=] y -> z' [=] z -> <<y', z'>> = <<y, z>>.
Proof. intros Hy Hz. now rewrite Hy, inner_sym, Hz, inner_sym. Qed.

Lemma shift_values i j : F' i - F' j - <<v' j, x' i [-] x' j>> = F i - F j - <<v j, x i [-] x j>>.
Proof.
  rewrite !shift_F, (inner_sym _ (v' j)), (shift_difference _ _ _ shift_x), (inner_sym _ _ (v' j)), shift_v.
  autorewrite with gram. ring.
Qed.

Lemma forward_shift c i j : forward c F x v i j -> forward c F' x' v' i j.
Proof.
  pose proof (shift_difference _ _ _ shift_x i j) as X. pose proof (shift_difference _ _ _ shift_v i j) as V.
  destruct c; unfold forward; now rewrite ?shift_values, !(shift_inner _ _ _ _ X X),
    !(shift_inner _ _ _ _ V V), !(shift_inner _ _ _ _ V X).
Qed.

Lemma backward_shift sigma i j : backward sigma F x v i j -> backward sigma F' x' v' i j.
Proof.
  pose proof (shift_difference _ _ _ shift_x i j) as X. unfold backward.
  now rewrite shift_values, (shift_inner _ _ _ _ X X).
Qed.
End Shift.

(** [s] is a subgradient at [x] of the sigma-strongly convex function [G]. *)
Definition subgradient {E : space} (sigma : R) (G : E -> R) (x s : E) : Prop :=
  forall y, G x + <<s, y [-] x>> + sigma / 2 * ||y [-] x||2 <= G y.

(** The iterates x_k = prox_hg (x_(k-1) - h f (x_(k-1))) approach any fixed point [p]: [s k] is the
    subgradient of G at [x k] that defines the proximal point, and f p + r = 0 with [r] one at [p]. *)
Theorem network c sigma steps t : contracts c sigma steps t ->
  forall (E : space) (F G : E -> R) (f : E -> E) (x s : nat -> E) (p r : E),
  (forall y z, forward c F (fun y => y) f y z) ->
  f p [+] r [=] zero -> subgradient sigma G p r ->
  (forall k, (k < length steps)%nat -> x (S k) [=] x k [-] nth k steps 0 [*] (f (x k) [+] s (S k))) ->
  (forall k, (k < length steps)%nat -> subgradient sigma G (x (S k)) (s (S k))) ->
  ||x (length steps) [-] p||2 <= t * ||x O [-] p||2.
Proof.
  intros bound E F G f x s p r Hf Hp Hr Hx Hs.
  set (y k := match k with O => p | S k => x k end).
  set (z k := match k with O => p | S _ => x k end). set (w k := match k with O => r | S _ => s k end).
  apply (bound E (fun k => x k [-] p) (fun k => f (y k) [-] f p) (fun k => w k [-] r)
    (fun k => F (y k) - <<f p, y k>> - 0) (fun k => G (z k) - <<r, z k>> - 0)).
  - intros k Hk q. specialize (Hp q). cbn. autorewrite with gram in *. rewrite (Hx k Hk). autorewrite with gram.
    replace <<r, q>> with (- <<f p, q>>) by lra. ring.
  - intros i j _ _. apply (forward_shift p (f p) 0 (fun k => F (y k)) _ y (fun k => f (y k))); try easy.
    + intros [|k] q; cbn; autorewrite with gram; ring.
    + intros [|k] q; cbn; autorewrite with gram; ring.
    + apply (Hf (y i) (y j)).
  - intros i j Hi Hj. apply (backward_shift p r 0 (fun k => G (z k)) _ z w); try easy.
    + intros [|k] q; cbn; autorewrite with gram; ring.
    + intros [|k] q; cbn; autorewrite with gram; ring.
    + assert (S : subgradient sigma G (z j) (w j)) by (destruct j; [ exact Hr | apply Hs; lia ]).
      specialize (S (z i)). unfold backward. lra.
Qed.

Print Assumptions certified.
Print Assumptions network.
